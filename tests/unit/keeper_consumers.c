/* Keys in clear: who may get them is the command line's word; whole files, closed folders. */
#include "keeper_fixture.h"

#include <grp.h>

#include "keeper/consumers.h"

static char dir[64];
static struct keeper_consumers list;
static struct base_fail fail;

static const char *own_group(void)
{
    return getgrgid(getegid())->gr_name;
}

static int each(void **state)
{
    char text[200];
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/certmilter-consumer-XXXXXX");
    assert_non_null(mkdtemp(dir));
    snprintf(text, sizeof text, "sig:%s:%s", dir, own_group());
    assert_int_equal(keeper_consumers_add(&list, text, &fail), BASE_OK);
    return 0;
}

static int after_each(void **state)
{
    (void)state;
    keeper_consumers_free(&list);
    nftw(dir, kx_remove, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}

static void wrong(const char *text)
{
    assert_int_equal(keeper_consumers_add(&list, text, &fail), BASE_PERMANENT);
    assert_string_equal(fail.code, "keeper.option");
}

static void options(void **state)
{
    (void)state;
    wrong("");
    wrong("sig");
    wrong("x:/tmp");
    wrong("x:tmp:root");
    wrong(":/tmp:root");
    wrong("../x:/tmp:root");
    wrong("x:/tmp:no-such-group-here");
    wrong("sig:/tmp:root"); /* twice */
    assert_int_equal(list.n, 1);
    assert_non_null(keeper_consumers_find(&list, "sig"));
    assert_null(keeper_consumers_find(&list, "other"));
    assert_null(keeper_consumers_find(NULL, "sig"));
    for (int i = 1; i < KEEPER_CONSUMERS_MAX; i++) {
        char text[40];
        snprintf(text, sizeof text, "x%d:/tmp:%s", i, own_group());
        assert_int_equal(keeper_consumers_add(&list, text, &fail), BASE_OK);
    }
    wrong("more:/tmp:root");
}

static void files(void **state)
{
    const struct keeper_consumer *c = &list.v[0];
    struct base_bytes key = {(const unsigned char *)"secret", 6};
    struct base_bytes other = {(const unsigned char *)"Secret", 6};
    struct stat st;
    bool was;
    int fd;
    (void)state;
    assert_int_equal(keeper_consumer_open(c, &fd, &fail), BASE_OK);
    assert_false(keeper_consumer_same(c, fd, "a.pem", key));
    assert_int_equal(keeper_consumer_put(c, fd, "a.pem", key, &fail), BASE_OK);
    assert_int_equal(fstatat(fd, "a.pem", &st, AT_SYMLINK_NOFOLLOW), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    assert_true(keeper_consumer_same(c, fd, "a.pem", key));
    assert_false(keeper_consumer_same(c, fd, "a.pem", other));
    assert_int_equal(fchmodat(fd, "a.pem", 0644, 0), 0);
    assert_false(keeper_consumer_same(c, fd, "a.pem", key)); /* is put right */
    assert_int_equal(keeper_consumer_put(c, fd, "a.pem", other, &fail), BASE_OK);
    assert_true(keeper_consumer_same(c, fd, "a.pem", other));
    assert_int_equal(keeper_consumer_drop(c, fd, "a.pem", &was, &fail), BASE_OK);
    assert_true(was);
    assert_int_equal(keeper_consumer_drop(c, fd, "a.pem", &was, &fail), BASE_OK);
    assert_false(was);
    /* a link in the way is replaced, never followed */
    char target[100];
    snprintf(target, sizeof target, "%s/elsewhere", dir);
    assert_int_equal(symlinkat(target, fd, "b.pem"), 0);
    assert_int_equal(keeper_consumer_put(c, fd, "b.pem", key, &fail), BASE_OK);
    assert_int_not_equal(access(target, F_OK), 0);
    assert_true(keeper_consumer_same(c, fd, "b.pem", key));
    close(fd);
}

static void folders(void **state)
{
    const struct keeper_consumer *c = &list.v[0];
    char link[80];
    int fd;
    (void)state;
    assert_int_equal(chmod(dir, 0755), 0);
    assert_int_equal(keeper_consumer_open(c, &fd, &fail), BASE_PERMANENT);
    assert_string_equal(fail.code, "keeper.consumer");
    assert_int_equal(chmod(dir, 02770), 0); /* the group must not write */
    assert_int_equal(keeper_consumer_open(c, &fd, &fail), BASE_PERMANENT);
    assert_int_equal(chmod(dir, 02750), 0);
    assert_int_equal(keeper_consumer_open(c, &fd, &fail), BASE_OK);
    close(fd);
    snprintf(link, sizeof link, "%s.link", dir);
    assert_int_equal(symlink(dir, link), 0);
    struct keeper_consumer l = *c;
    l.dir = link;
    assert_int_equal(keeper_consumer_open(&l, &fd, &fail), BASE_PERMANENT);
    unlink(link);
    if (geteuid() == 0) {
        assert_int_equal(chown(dir, 12345, (gid_t)-1), 0);
        assert_int_equal(keeper_consumer_open(c, &fd, &fail), BASE_PERMANENT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, each, after_each)

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(options), TEST(files), TEST(folders)};

    return cmocka_run_group_tests(tests, NULL, NULL);
}
