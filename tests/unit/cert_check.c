/* The rules P1 to P16: a good certificate passes all, and each way of breaking
 * one rule is found by that rule and, unless said otherwise, by no other. */
#include "cert_judge.h"

#include "base/json.h"

static void good_ones(void **state)
{
    (void)state;
    RUN("as it should be", 1, CERT_PASS, true, (void)0);
    RUN("P-256", 7, CERT_PASS, true, t.spec.key = fx_key("P-256");
        t.spec.ku = "critical,digitalSignature,keyAgreement");
    RUN("Ed25519 signs", 7, CERT_PASS, true, t.spec.key = fx_key("ED25519");
        t.spec.ku = "critical,digitalSignature"; t.expect.usage = CERT_USAGE_SIGNING);
    RUN("signing", 6, CERT_PASS, true, t.spec.ku = "critical,digitalSignature,nonRepudiation";
        t.expect.usage = CERT_USAGE_SIGNING);
    RUN("key management", 6, CERT_PASS, true, t.spec.ku = "critical,keyEncipherment";
        t.expect.usage = CERT_USAGE_KEY_MANAGEMENT);
    RUN("key agreement", 6, CERT_PASS, true, t.spec.key = fx_key("P-256");
        t.spec.ku = "critical,keyAgreement"; t.expect.usage = CERT_USAGE_KEY_MANAGEMENT);
    RUN("multipurpose with clientAuth and dataEncipherment", 5, CERT_PASS, true,
        t.spec.eku = "emailProtection,clientAuth";
        t.spec.ku = "critical,digitalSignature,keyEncipherment,dataEncipherment");
    RUN("strict", 10, CERT_PASS, true, t.spec.policy = "2.23.140.1.5.1.3";
        t.expect.profile = CERT_PROFILE_STRICT);
    RUN("825 days", 9, CERT_PASS, true, t.spec.to = t.spec.from + 825LL * FX_DAY - 1;
        t.expect.validity_days = 825);
    RUN("RSA-PSS by an RSA CA", 8, CERT_PASS, true,
        t.spec = fx_leaf(weak.root, weak.root_key, fx_key("rsa3072"));
        t.spec.pss = true);
}

static void p1_our_key(void **state)
{
    (void)state;
    RUN("another key", 1, CERT_FAIL, false, t.other_key = true);
    struct cert_fields c;
    struct cert_verdict v;
    struct cert_expect e = wanted();
    struct fx_spec s = good();
    struct base_bytes der = fx_make(a, &s);
    cert_fields_parse(a, der.p, der.n, &c, NULL);
    cert_check(&c, &e, &v);
    assert_int_equal(v.rule[0].result, CERT_UNKNOWN); /* nothing to compare with */
    assert_false(cert_verdict_ok(&v));
    e.spki_sha256 = c.spki_sha256; /* now the chain is what is missing */
    cert_check(&c, &e, &v);
    assert_string_equal(cert_verdict_refusal(&v)->rule, "P2");
}

static void p2_chain(void **state)
{
    (void)state;
    RUN("no chain", 2, CERT_UNKNOWN, false, t.no_chain = true; t.others = BIT(16));
    RUN("unknown issuer", 2, CERT_FAIL, false, t.spec.issuer_key = fx_key("P-521");
        t.others = BIT(16));
    struct cert_chain other = {.ok = true, .reason = "ok", .n = 1};
    struct base_bytes der = {(const unsigned char *)"x", 1};
    other.der = &der;
    RUN("somebody else's chain", 2, CERT_FAIL, false, t.no_chain = true; t.expect.chain = &other);
    struct fx_spec twin = good(); /* as long, and nearly the same */
    struct base_bytes mine = fx_make(a, &twin), bytes[1] = {mine};
    struct cert_fields c;
    struct cert_verdict v;
    struct cert_expect e = wanted();
    assert_int_equal(cert_fields_parse(a, mine.p, mine.n, &c, NULL), BASE_OK);
    other.der = bytes;
    e.chain = &other;
    cert_check(&c, &e, &v);
    assert_int_equal(v.rule[1].result, CERT_PASS);
    ((unsigned char *)mine.p)[mine.n - 1] ^= 1;
    cert_check(&c, &e, &v);
    assert_int_equal(v.rule[1].result, CERT_FAIL);
}

static void p3_mailboxes(void **state)
{
    (void)state;
    static const char *const two[] = {"alice@example.test", "a.ex@example.test"};
    RUN("not the mailbox", 3, CERT_FAIL, false, t.spec.san = "email:mallory@example.test");
    RUN("one more than ordered", 3, CERT_FAIL, false,
        t.spec.san = "email:alice@example.test,email:mallory@example.test");
    RUN("same local part elsewhere", 3, CERT_FAIL, false, t.spec.san = "email:alice@example.org");
    RUN("domain in upper case", 3, CERT_PASS, true, t.spec.san = "email:alice@EXAMPLE.test");
    RUN("local part in upper case", 3, CERT_WARN, true, t.spec.san = "email:Alice@example.test");
    RUN("both of the order", 3, CERT_PASS, true,
        t.spec.san = "email:a.ex@example.test,email:alice@example.test";
        t.expect.mailboxes = two; t.expect.n_mailboxes = 2);
    RUN("the further one is missing", 3, CERT_FAIL, false, t.expect.mailboxes = two;
        t.expect.n_mailboxes = 2);
    RUN("only the further one", 3, CERT_FAIL, false, t.spec.san = "email:a.ex@example.test";
        t.expect.mailboxes = two; t.expect.n_mailboxes = 2);
    RUN("nothing known", 3, CERT_UNKNOWN, false, t.expect.n_mailboxes = 0);
}

static void p4_san(void **state)
{
    (void)state;
    const char *upn = "email:alice@example.test,otherName:1.3.6.1.4.1.311.20.2.3;UTF8:a@b";
    RUN("no SAN", 4, CERT_FAIL, false, t.spec.san = NULL; t.others = BIT(3));
    RUN("no mailbox in it", 4, CERT_FAIL, false, t.spec.san = "DNS:example.test";
        t.others = BIT(3));
    RUN("subject's address not in it", 4, CERT_FAIL, false, t.spec.email = "b@example.test");
    RUN("subject's address in it", 4, CERT_PASS, true, t.spec.email = "alice@example.test");
    RUN("a further name type", 4, CERT_WARN, true, t.spec.san = upn);
    RUN("strict, a further name type", 4, CERT_FAIL, false, t.spec.san = upn;
        t.spec.policy = "2.23.140.1.5.1.3");
}

static void p5_extended_usage(void **state)
{
    (void)state;
    RUN("none", 5, CERT_FAIL, false, t.spec.eku = NULL);
    RUN("no emailProtection", 5, CERT_FAIL, false, t.spec.eku = "clientAuth";
        t.others = BIT(2) | BIT(16));
    static const char *const bad[] = {"serverAuth", "codeSigning", "timeStamping",
                                      "anyExtendedKeyUsage"};
    for (size_t i = 0; i < 4; i++)
        RUN(bad[i], 5, CERT_FAIL, false,
            t.spec.eku = base_arena_printf(a, "emailProtection,%s", bad[i]));
    RUN("strict with clientAuth", 5, CERT_FAIL, false, t.spec.eku = "emailProtection,clientAuth";
        t.spec.policy = "2.23.140.1.5.1.3");
    RUN("another one before July 2027", 5, CERT_PASS, true, t.spec.eku = "emailProtection,1.2.3.4");
    RUN("another one after", 5, CERT_FAIL, false, t.spec.eku = "emailProtection,1.2.3.4";
        t.spec.from = 1814400000; t.spec.to = 1814400000 + 365 * FX_DAY - 1;
        t.expect.now = t.spec.from + FX_DAY);
    RUN("clientAuth after", 5, CERT_PASS, true, t.spec.eku = "emailProtection,clientAuth";
        t.spec.from = 1814400000; t.spec.to = 1814400000 + 365 * FX_DAY - 1;
        t.expect.now = t.spec.from + FX_DAY);
}

static void p6_usage(void **state)
{
    (void)state;
    RUN("none", 6, CERT_FAIL, false, t.spec.ku = NULL);
    RUN("RSA with keyAgreement", 6, CERT_FAIL, false,
        t.spec.ku = "critical,digitalSignature,keyEncipherment,keyAgreement");
    RUN("EC with keyEncipherment", 6, CERT_FAIL, false, t.spec.key = fx_key("P-256");
        t.spec.ku = "critical,digitalSignature,keyEncipherment");
    RUN("Ed25519 with keyAgreement", 6, CERT_FAIL, false, t.spec.key = fx_key("ED25519");
        t.spec.ku = "critical,digitalSignature,keyAgreement");
    RUN("keyCertSign", 6, CERT_FAIL, false,
        t.spec.ku = "critical,digitalSignature,keyEncipherment,keyCertSign");
    RUN("strict with dataEncipherment", 6, CERT_FAIL, false, t.spec.policy = "2.23.140.1.5.1.3";
        t.spec.ku = "critical,digitalSignature,keyEncipherment,dataEncipherment");
    RUN("can't sign", 6, CERT_FAIL, false, t.spec.ku = "critical,keyEncipherment");
    RUN("can't encrypt", 6, CERT_FAIL, false, t.spec.ku = "critical,digitalSignature");
    RUN("nonRepudiation alone doesn't sign", 6, CERT_FAIL, false,
        t.spec.ku = "critical,nonRepudiation,keyEncipherment");
    RUN("Ed25519 can't encrypt", 6, CERT_FAIL, false, t.spec.key = fx_key("ED25519");
        t.spec.ku = "critical,digitalSignature");
    RUN("more than ordered: signing", 6, CERT_WARN, true, t.expect.usage = CERT_USAGE_SIGNING);
    RUN("more than ordered: encrypting", 6, CERT_WARN, true,
        t.expect.usage = CERT_USAGE_KEY_MANAGEMENT);
    RUN("not critical", 6, CERT_WARN, true, t.spec.ku = "digitalSignature,keyEncipherment");
}

static void p7_key(void **state)
{
    (void)state;
    RUN("RSA 1024", 7, CERT_FAIL, false, t.spec.key = fx_key("rsa1024");
        t.others = BIT(2) | BIT(16));
    RUN("RSA 2047", 7, CERT_FAIL, false, t.patch_key = true;
        t.patch.key = (struct cert_key){CERT_KEY_RSA, 2047, NULL, true});
    RUN("RSA 2052", 7, CERT_FAIL, false, t.patch_key = true;
        t.patch.key = (struct cert_key){CERT_KEY_RSA, 2052, NULL, true});
    RUN("RSA exponent 2", 7, CERT_FAIL, false, t.patch_key = true;
        t.patch.key = (struct cert_key){CERT_KEY_RSA, 2048, NULL, false});
    RUN("secp256k1", 7, CERT_FAIL, false, t.spec.key = fx_key("secp256k1");
        t.spec.ku = "critical,digitalSignature,keyAgreement");
    RUN("EC without a name", 7, CERT_FAIL, false, t.spec.key = fx_key("P-256");
        t.spec.ku = "critical,digitalSignature,keyAgreement"; t.patch_key = true;
        t.patch.key = (struct cert_key){CERT_KEY_EC, 256, NULL, false});
    RUN("unknown kind", 7, CERT_UNKNOWN, false, t.patch_key = true;
        t.spec.ku = "critical,digitalSignature"; t.expect.usage = CERT_USAGE_SIGNING);
}

static void p8_signature(void **state)
{
    (void)state;
    RUN("SHA-1", 8, CERT_FAIL, false, t.spec.md = EVP_sha1(); t.others = BIT(2) | BIT(16));
    RUN("SHA-384 by P-256", 8, CERT_FAIL, false, t.spec.md = EVP_sha384());
    RUN("SHA-384 by P-384", 8, CERT_PASS, true,
        t.spec = fx_leaf(ca.root, ca.root_key, fx_key("rsa3072"));
        t.spec.md = EVP_sha384());
    RUN("SHA-512 by RSA", 8, CERT_PASS, true,
        t.spec = fx_leaf(weak.root, weak.root_key, fx_key("rsa3072"));
        t.spec.md = EVP_sha512());
    RUN("SHA-224 by RSA", 8, CERT_FAIL, false, t.patch_sig = true;
        t.patch.sig_alg = "sha224WithRSAEncryption"; t.patch.sig_key = "rsa";
        t.patch.sig_hash = "sha224");
    RUN("DSA", 8, CERT_FAIL, false, t.patch_sig = true; t.patch.sig_alg = "dsa_with_SHA256";
        t.patch.sig_key = "other"; t.patch.sig_hash = "sha256");
    RUN("Ed25519", 8, CERT_PASS, true, t.patch_sig = true; t.patch.sig_alg = "ED25519";
        t.patch.sig_key = "ed25519"; t.patch.sig_hash = "");
}

static void p9_validity(void **state)
{
    (void)state;
    RUN("826 days", 9, CERT_FAIL, false, t.spec.to = t.spec.from + 825LL * FX_DAY);
    RUN("expired", 9, CERT_FAIL, false, t.expect.now = FX_NOW + 364 * FX_DAY;
        t.others = BIT(2) | BIT(16));
    /* OpenSSL takes the last second as over, RFC 5280 doesn't */
    RUN("last second", 9, CERT_PASS, false, t.expect.now = FX_NOW + 364 * FX_DAY - 1;
        t.others = BIT(2) | BIT(16));
    RUN("not yet", 9, CERT_FAIL, false, t.expect.now = FX_NOW - 2 * FX_DAY;
        t.others = BIT(2) | BIT(16));
    RUN("backwards", 9, CERT_FAIL, false, t.spec.to = t.spec.from - 1; t.others = BIT(2) | BIT(16));
    RUN("shorter than ordered", 9, CERT_WARN, true, t.expect.validity_days = 825);
    RUN("two days off", 9, CERT_PASS, true, t.expect.validity_days = 367);
    RUN("order's validity unknown", 9, CERT_PASS, true, t.expect.validity_days = 0);
    RUN("legacy, long", 9, CERT_PASS, true, t.spec.from = 1752537599 - FX_DAY;
        t.spec.to = t.spec.from + 1185LL * FX_DAY - 1; t.spec.policy = "2.23.140.1.5.1.1";
        t.expect.validity_days = 1185; t.others = BIT(10));
}

static void p10_policy(void **state)
{
    (void)state;
    RUN("none", 10, CERT_FAIL, false, t.spec.policy = NULL; t.others = BIT(11));
    RUN("only the CA's own", 10, CERT_FAIL, false, t.spec.policy = "1.3.6.1.4.1.99999.1";
        t.others = BIT(11));
    RUN("two reserved ones", 10, CERT_FAIL, false,
        t.spec.policy = "2.23.140.1.5.1.2,2.23.140.1.5.2.2";
        t.others = BIT(11));
    RUN("out of the reserved range", 10, CERT_FAIL, false, t.spec.policy = "2.23.140.1.5.5.2";
        t.others = BIT(11));
    RUN("deeper than reserved", 10, CERT_FAIL, false, t.spec.policy = "2.23.140.1.5.1.2.1";
        t.others = BIT(11));
    RUN("with the CA's own", 10, CERT_PASS, true,
        t.spec.policy = "1.3.6.1.4.1.99999.1,2.23.140.1.5.1.2");
    RUN("legacy too late", 10, CERT_FAIL, false, t.spec.policy = "2.23.140.1.5.1.1");
    RUN("legacy in time", 10, CERT_WARN, true, t.spec.policy = "2.23.140.1.5.1.1";
        t.spec.from = 1752537599; t.expect.validity_days = 0);
    RUN("not the ordered profile", 10, CERT_WARN, true, t.expect.profile = CERT_PROFILE_STRICT);
    RUN("rehearsal", 10, CERT_WARN, true, t.spec.policy = NULL; t.expect.rehearsal = true;
        t.others = BIT(11));
}

static void p11_subject(void **state)
{
    (void)state;
    RUN("mailbox with an organization", 11, CERT_WARN, true, t.spec.o = "Ex");
    RUN("mailbox with a person", 11, CERT_WARN, true, t.spec.surname = "Ex");
    RUN("organization", 11, CERT_PASS, true, t.spec.policy = "2.23.140.1.5.2.2"; t.spec.o = "Ex";
        t.spec.org_id = "VATDE-1");
    RUN("organization without its identifier", 11, CERT_WARN, true,
        t.spec.policy = "2.23.140.1.5.2.2";
        t.spec.o = "Ex");
    RUN("sponsor without a person", 11, CERT_WARN, true, t.spec.policy = "2.23.140.1.5.3.2";
        t.spec.o = "Ex"; t.spec.org_id = "VATDE-1");
    RUN("sponsor", 11, CERT_PASS, true, t.spec.policy = "2.23.140.1.5.3.2"; t.spec.o = "Ex";
        t.spec.org_id = "VATDE-1"; t.spec.pseudonym = "ali");
    RUN("individual without a name", 11, CERT_WARN, true, t.spec.policy = "2.23.140.1.5.4.2");
}

static void p12_no_ca(void **state)
{
    (void)state;
    RUN("a CA", 12, CERT_FAIL, false, t.spec.bc = "critical,CA:TRUE"; t.others = BIT(2) | BIT(16));
    RUN("no basicConstraints", 12, CERT_PASS, true, t.spec.bc = NULL);
    RUN("pathlen", 12, CERT_FAIL, false, t.spec.bc = "CA:FALSE,pathlen:0";
        t.others = BIT(2) | BIT(16));
}

static void p13_p14_soft(void **state)
{
    (void)state;
    RUN("no AKI", 13, CERT_WARN, true, t.spec.aki = NULL);
    RUN("AKI with the issuer", 13, CERT_WARN, true, t.spec.aki = "keyid,issuer:always");
    RUN("critical AKI", 13, CERT_WARN, false, t.spec.aki = "critical,keyid";
        t.others = BIT(2) | BIT(16));
    RUN("no CRL", 13, CERT_WARN, true, t.spec.crl = NULL);
    RUN("CRL by LDAP", 13, CERT_WARN, true,
        t.spec.crl = "URI:http://crl.example.test/a,URI:ldap://ldap.example.test/cn");
    RUN("serial 0", 14, CERT_WARN, true, t.spec.serial = "0");
    RUN("negative serial", 14, CERT_WARN, true, t.spec.serial = "-77");
    /* 2^159 and one less */
    RUN("serial of 160 bits", 14, CERT_WARN, true,
        t.spec.serial = "730750818665451459101842416358141509827966271488");
    RUN("serial of 159 bits", 14, CERT_PASS, true,
        t.spec.serial = "730750818665451459101842416358141509827966271487");
}

static void p15_revocation(void **state)
{
    (void)state;
    RUN("revoked", 15, CERT_FAIL, false, t.expect.revocation = CERT_REVOCATION_REVOKED);
    RUN("no answer", 15, CERT_UNKNOWN, true, t.expect.revocation = CERT_REVOCATION_UNKNOWN);
    RUN("not asked", 15, CERT_SKIPPED, true, t.expect.revocation = CERT_REVOCATION_NOT_ASKED);
}

static void p16_issuer(void **state)
{
    (void)state;
    RUN("2048 now", 16, CERT_PASS, true,
        t.spec = fx_leaf(weak.root, weak.root_key, fx_key("rsa3072")));
    RUN("2048 from September 2027", 16, CERT_WARN, true,
        t.spec = fx_leaf(weak.root, weak.root_key, fx_key("rsa3072"));
        t.spec.from = 1820966400; t.spec.to = t.spec.from + 365 * FX_DAY - 1;
        t.expect.now = t.spec.from + 10);
    RUN("P-256 then", 16, CERT_PASS, true, t.spec.from = 1820966400;
        t.spec.to = t.spec.from + 365 * FX_DAY - 1; t.expect.now = t.spec.from + 10);
}

static void apple_wants_rfc822(void **state)
{
    (void)state;
    struct cert_fields c;
    struct cert_expect e = wanted();
    struct cert_verdict v;
    struct fx_spec s = good();
    struct base_bytes der = fx_make(a, &s);
    cert_fields_parse(a, der.p, der.n, &c, NULL);
    c.mailboxes[0].kind = CERT_MAILBOX_SMTPUTF8;
    cert_check(&c, &e, &v);
    assert_int_equal(v.rule[3].result, CERT_PASS);
    c.not_before = 1801440000;
    cert_check(&c, &e, &v);
    assert_int_equal(v.rule[3].result, CERT_WARN);
}

static void comparing(void **state)
{
    (void)state;
    static const struct {
        const char *x, *y;
        enum cert_mailbox_match match;
    } t[] = {{"a@b", "a@b", CERT_MAILBOX_SAME},
             {"a@b.C", "a@B.c", CERT_MAILBOX_SAME},
             {"A@b", "a@b", CERT_MAILBOX_FOLDED},
             {"a@b", "a@bc", CERT_MAILBOX_DIFFERENT},
             {"aa@b", "a@b", CERT_MAILBOX_DIFFERENT},
             {"a@b@c", "a@c", CERT_MAILBOX_DIFFERENT},
             {"\"a@b\"@c", "\"a@b\"@C", CERT_MAILBOX_SAME},
             {"a", "a", CERT_MAILBOX_DIFFERENT},
             {"@b", "@b", CERT_MAILBOX_DIFFERENT},
             {"", "", CERT_MAILBOX_DIFFERENT},
             {"\xc3\x84@b", "\xc3\xa4@b", CERT_MAILBOX_DIFFERENT}};
    for (size_t i = 0; i < sizeof t / sizeof *t; i++) {
        assert_int_equal(cert_mailbox_compare(t[i].x, t[i].y), t[i].match);
        assert_int_equal(cert_mailbox_compare(t[i].y, t[i].x), t[i].match);
    }
}

static void names_and_json(void **state)
{
    (void)state;
    enum cert_usage u;
    enum cert_profile p;
    for (int i = 0; i < 3; i++) {
        assert_true(cert_usage_from_name(cert_usage_name((enum cert_usage)i), &u) && (int)u == i);
        assert_true(cert_profile_from_name(cert_profile_name((enum cert_profile)i), &p) &&
                    (int)p == i);
    }
    assert_false(cert_usage_from_name("both", &u) || cert_profile_from_name(NULL, &p));
    struct fx_case t = {.spec = good(), .expect = wanted()};
    struct cert_verdict v = judge(&t);
    json_t *list = cert_verdict_to_json(&v);
    assert_int_equal(json_array_size(list), CERT_RULES);
    assert_string_equal(base_json_str(json_array_get(list, 8), "rule"), "P9");
    assert_string_equal(base_json_str(json_array_get(list, 8), "result"), "pass");
    assert_true(base_json_bool(json_array_get(list, 8), "hard", false));
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(good_ones),
        cmocka_unit_test(p1_our_key),
        cmocka_unit_test(p2_chain),
        cmocka_unit_test(p3_mailboxes),
        cmocka_unit_test(p4_san),
        cmocka_unit_test(p5_extended_usage),
        cmocka_unit_test(p6_usage),
        cmocka_unit_test(p7_key),
        cmocka_unit_test(p8_signature),
        cmocka_unit_test(p9_validity),
        cmocka_unit_test(p10_policy),
        cmocka_unit_test(p11_subject),
        cmocka_unit_test(p12_no_ca),
        cmocka_unit_test(p13_p14_soft),
        cmocka_unit_test(p15_revocation),
        cmocka_unit_test(p16_issuer),
        cmocka_unit_test(apple_wants_rfc822),
        cmocka_unit_test(comparing),
        cmocka_unit_test(names_and_json),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
