/* agent/plan_validity.c - how long a certificate shall be valid, and how it is renewed. */
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "plan.h"

#define DAY 86400
#define DAYS_MAX 825 /* S/MIME BR 6.3.2 */
#define RENEWALS_MAX 20

/* "2027-12-31" as days from today. */
static bool days_until(const char *date, int64_t *days)
{
    static const char form[] = "dddd-dd-dd";
    char text[32], back[BASE_TIME_LEN];
    int64_t at;
    for (size_t i = 0; i < sizeof(form); i++)
        if (form[i] == 'd' ? date[i] < '0' || date[i] > '9' : date[i] != form[i])
            return false;
    snprintf(text, sizeof(text), "%sT00:00:00Z", date);
    if (!base_time_parse(text, &at))
        return false;
    base_time_rfc3339(at, back); /* 31 November comes back as another day */
    if (strncmp(back, date, 10) != 0)
        return false;
    *days = at / DAY - base_now() / DAY;
    return true;
}

static enum base_fail_class check_length(const struct agent_plan *p, struct base_fail *f)
{
    if (p->days < 1)
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          p->until ? "%lld days: that date lies not in the future"
                                   : "%lld days: expected at least one",
                          (long long)p->days);
    if (p->days > DAYS_MAX)
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          "%lld days: a public S/MIME certificate may be valid for 1 to %d days "
                          "(S/MIME Baseline Requirements 6.3.2)",
                          (long long)p->days, DAYS_MAX);
    if (p->days > p->about->days_max || p->years > p->about->years_max)
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          "%lld days: %s is sold for 1 to %lld years or up to %lld days",
                          (long long)p->days, p->product, (long long)p->about->years_max,
                          (long long)p->about->days_max);
    return BASE_OK;
}

static enum base_fail_class read_length(const json_t *req, struct agent_plan *p, struct base_fail *f)
{
    bool days = json_object_get(req, "validity_days") != NULL;
    p->years = base_json_int(req, "validity_years", 0);
    p->until = base_json_str(req, "validity_until");
    p->days = base_json_int(req, "validity_days", p->domain->validity_days);
    p->days_given = days;
    if ((int)days + (json_object_get(req, "validity_years") != NULL) + (p->until != NULL) > 1)
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          "give the validity once: in days, in years or as a date");
    if (json_object_get(req, "validity_years") && (p->years < 1 || p->years > 3))
        return base_failf(f, BASE_PERMANENT, "order.validity", "%lld years: expected 1, 2 or 3",
                          (long long)p->years);
    if (p->years)
        p->days = 365 * p->years;
    if (p->until && !days_until(p->until, &p->days))
        return base_failf(f, BASE_PERMANENT, "order.validity",
                          "\"%s\": expected a date such as 2027-12-31", p->until);
    return check_length(p, f);
}

static enum base_fail_class read_renewal(const json_t *req, struct agent_plan *p, struct base_fail *f)
{
    static const char *const who[] = {"us", "ca", NULL};
    static const char *const keys[] = {"new", "reuse", NULL};
    p->auto_renew = base_json_int(req, "auto_renew", -1);
    p->renew_by = base_json_strd(req, "renew_by", "us");
    p->key = base_json_str(req, "key");
    if (p->auto_renew < -1 || p->auto_renew > RENEWALS_MAX)
        return base_failf(f, BASE_PERMANENT, "order.renewal",
                          "%lld automatic renewals: expected 0 (none) to %d",
                          (long long)p->auto_renew, RENEWALS_MAX);
    if (!agent_plan_one_of(p->renew_by, who))
        return base_failf(f, BASE_PERMANENT, "order.renewal",
                          "renewals by \"%s\": expected us or ca", p->renew_by);
    if (p->key && !agent_plan_one_of(p->key, keys))
        return base_failf(f, BASE_PERMANENT, "order.renewal",
                          "key of renewals \"%s\": expected new or reuse", p->key);
    if (p->auto_renew < 0 && strcmp(p->renew_by, "ca") == 0)
        return base_failf(f, BASE_PERMANENT, "order.renewal",
                          "renewals by the CA need their number: --auto-renew N");
    if (p->key && strcmp(p->key, "new") == 0 && strcmp(p->renew_by, "ca") == 0)
        return base_failf(f, BASE_PERMANENT, "order.renewal",
                          "the CA renews with the key that it has: a new key needs renewals by us");
    return BASE_OK;
}

enum base_fail_class agent_plan_validity(const json_t *req, struct agent_plan *p,
                                         struct base_fail *f)
{
    enum base_fail_class r = read_length(req, p, f);
    return r ? r : read_renewal(req, p, f);
}
