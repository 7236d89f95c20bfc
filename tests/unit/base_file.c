/* Unit tests of base/file.h. They run as root and as a user alike. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"

static char dir[64];
static int dirfd_;

static int setup(void **state)
{
    (void)state;
    strcpy(dir, "/tmp/base_file.XXXXXX");
    if (mkdtemp(dir) == NULL) {
        return -1;
    }
    dirfd_ = open(dir, O_RDONLY | O_DIRECTORY);
    unsetenv("CREDENTIALS_DIRECTORY");
    return dirfd_ < 0 ? -1 : 0;
}

/* Removes the files of the test; returns how many there were. */
static int clear(void)
{
    DIR *d = opendir(dir);
    int n = 0;

    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0) {
            n++;
            if (unlinkat(dirfd_, e->d_name, 0) != 0) {
                unlinkat(dirfd_, e->d_name, AT_REMOVEDIR);
            }
        }
    }
    closedir(d);
    return n;
}

static int teardown(void **state)
{
    (void)state;
    clear();
    close(dirfd_);
    return rmdir(dir);
}

static void assert_content(const char *name, const char *content)
{
    struct base_buf b;

    assert_int_equal(base_file_read(dirfd_, name, 1000, &b, NULL), BASE_OK);
    assert_string_equal(base_buf_str(&b), content);
    assert_int_equal(b.n, strlen(content));
    base_buf_free(&b);
}

static void written_whole_with_its_mode(void **state)
{
    struct stat st;
    char path[100];

    (void)state;
    mode_t before = umask(0077);
    assert_int_equal(base_file_write(dirfd_, "a", "one", 3, 0644, NULL), BASE_OK);
    assert_content("a", "one");
    assert_int_equal(fstatat(dirfd_, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0644);
    snprintf(path, sizeof path, "%s/a", dir);
    assert_int_equal(base_file_write(AT_FDCWD, path, "two!", 4, 0600, NULL), BASE_OK);
    umask(before);
    assert_content("a", "two!");
    assert_int_equal(fstatat(dirfd_, "a", &st, 0), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(base_file_write(dirfd_, "empty", NULL, 0, 0600, NULL), BASE_OK);
    assert_content("empty", "");
    assert_int_equal(clear(), 2); /* and no temporary file */
}

static void replaces_by_rename(void **state)
{
    struct stat old, now;
    char buf[4] = "";

    (void)state;
    assert_int_equal(base_file_write(dirfd_, "a", "old", 3, 0600, NULL), BASE_OK);
    int fd = openat(dirfd_, "a", O_RDONLY);
    assert_int_equal(base_file_write(dirfd_, "a", "new", 3, 0600, NULL), BASE_OK);
    /* who had it open still sees the old one whole */
    assert_int_equal(read(fd, buf, 3), 3);
    assert_string_equal(buf, "old");
    assert_int_equal(fstat(fd, &old), 0);
    assert_int_equal(fstatat(dirfd_, "a", &now, 0), 0);
    assert_int_not_equal(old.st_ino, now.st_ino);
    close(fd);
}

static void replaces_a_link_not_its_target(void **state)
{
    (void)state;
    assert_int_equal(base_file_write(dirfd_, "target", "keep", 4, 0600, NULL), BASE_OK);
    assert_int_equal(symlinkat("target", dirfd_, "link"), 0);
    assert_int_equal(base_file_write(dirfd_, "link", "new", 3, 0600, NULL), BASE_OK);
    assert_content("target", "keep");
    assert_content("link", "new");
}

/* What a reader sees while a writer is killed again and again. */
static void never_half_there(void **state)
{
    static char as[100000], bs[100000];
    struct base_buf b;

    (void)state;
    memset(as, 'a', sizeof as);
    memset(bs, 'b', sizeof bs);
    assert_int_equal(base_file_write(dirfd_, "x", as, sizeof as, 0600, NULL), BASE_OK);
    for (int i = 0; i < 20; i++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (;;) {
                base_file_write(dirfd_, "x", bs, sizeof bs, 0600, NULL);
                base_file_write(dirfd_, "x", as, sizeof as, 0600, NULL);
            }
        }
        for (int j = 0; j < 20; j++) {
            assert_int_equal(base_file_read(dirfd_, "x", sizeof as, &b, NULL), BASE_OK);
            assert_int_equal(b.n, sizeof as);
            assert_int_equal(b.p[0], b.p[b.n - 1]);
            base_buf_free(&b);
        }
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
    }
}

static void failed_write_leaves_nothing(void **state)
{
    struct base_fail f = {0};
    char name[300];
    int status;

    (void)state;
    assert_int_equal(base_file_write(dirfd_, "a", "old", 3, 0600, NULL), BASE_OK);
    pid_t pid = fork(); /* a file size limit stands for a failing disk */
    if (pid == 0) {
        const struct rlimit small = {2, 2};
        signal(SIGXFSZ, SIG_IGN);
        setrlimit(RLIMIT_FSIZE, &small);
        enum base_fail_class r = base_file_write(dirfd_, "a", "longer", 6, 0600, &f);
        _exit(r == BASE_OURS && strcmp(f.code, "file.write") == 0 ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
    assert_content("a", "old");

    assert_int_equal(mkdirat(dirfd_, "d", 0700), 0);
    assert_int_equal(base_file_write(dirfd_, "d", "x", 1, 0600, &f), BASE_OURS);
    assert_string_equal(f.code, "file.write");
    assert_int_equal(base_file_write(dirfd_, "absent/x", "x", 1, 0600, &f), BASE_OURS);
    assert_int_equal(base_file_write(dirfd_, "d/", "x", 1, 0600, &f), BASE_OURS);
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    assert_int_equal(base_file_write(dirfd_, name, "x", 1, 0600, &f), BASE_OURS);
    name[255] = '\0'; /* the longest name there can be */
    assert_int_equal(base_file_write(dirfd_, name, "x", 1, 0600, &f), BASE_OK);
    assert_int_equal(clear(), 3);
}

/* On a file system of 64 KiB, in a mount namespace of its own. */
static void no_space_is_temporary(void **state)
{
    static char big[100000];
    struct base_fail f = {0};
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
            mount("none", dir, "tmpfs", 0, "size=64k") != 0) {
            _exit(77);
        }
        int fd = open(dir, O_RDONLY | O_DIRECTORY);
        bool good = base_file_write(fd, "a", "old", 3, 0600, &f) == BASE_OK &&
                    base_file_write(fd, "a", big, sizeof big, 0600, &f) == BASE_TEMPORARY &&
                    strcmp(f.code, "file.space") == 0 &&
                    /* the space is free again */
                    base_file_write(fd, "b", big, 40000, 0600, &f) == BASE_OK;
        _exit(good ? 0 : 1);
    }
    waitpid(pid, &status, 0);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
        skip(); /* who isn't root can't mount */
    }
    assert_int_equal(status, 0);
}

static void sweeping_finds_what_a_killed_writer_left(void **state)
{
    static const char *const names[] = {"keep", ".keep.0123456789abcdef.tmp", ".keep.0123456789abcde.tmp",
                                        ".keep.txt.0123456789abcdef.tmp", "keep.0123456789abcdef.tmp"};
    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        close(openat(dirfd_, names[i], O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    }
    base_file_sweep(dirfd_, "keep");
    base_file_sweep(dirfd_, "none/keep"); /* nothing there, nothing to do */
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(faccessat(dirfd_, names[i], F_OK, 0) == 0, i != 1);
        unlinkat(dirfd_, names[i], 0);
    }
}

static void reading_is_capped_and_regular(void **state)
{
    struct base_fail f = {0};
    struct base_buf b;

    (void)state;
    assert_int_equal(base_file_write(dirfd_, "a", "12345", 5, 0600, NULL), BASE_OK);
    assert_int_equal(base_file_read(dirfd_, "a", 5, &b, &f), BASE_OK);
    base_buf_free(&b);
    assert_int_equal(base_file_read(dirfd_, "a", 4, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "file.size");
    base_buf_free(&b);
    assert_int_equal(base_file_read(dirfd_, "b", 4, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "file.absent");
    base_buf_free(&b);
    assert_int_equal(mkfifoat(dirfd_, "fifo", 0600), 0);
    assert_int_equal(base_file_read(dirfd_, "fifo", 4, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "file.kind");
    base_buf_free(&b);
    assert_int_equal(base_file_read(AT_FDCWD, dir, 4, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "file.kind");
    base_buf_free(&b);
}

static void credential_by_directory(void **state)
{
    struct base_fail f = {0};
    struct base_buf b;

    (void)state;
    assert_int_equal(base_file_write(dirfd_, "key", "s3cret\n\n", 8, 0600, NULL), BASE_OK);
    assert_int_equal(base_credential("key", dir, &b, &f), BASE_OK);
    assert_string_equal(base_buf_str(&b), "s3cret\n"); /* one newline is cut, not two */
    base_buf_wipe(&b);
    static const mode_t bad[] = {0640, 0604, 0620, 0601, 0660};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        assert_int_equal(fchmodat(dirfd_, "key", bad[i], 0), 0);
        assert_int_equal(base_credential("key", dir, &b, &f), BASE_PERMANENT);
        assert_string_equal(f.code, "cred.mode");
        assert_int_equal(b.n, 0);
        base_buf_wipe(&b);
    }
    assert_int_equal(fchmodat(dirfd_, "key", 0400, 0), 0);
    assert_int_equal(base_credential("key", dir, &b, &f), BASE_OK);
    base_buf_wipe(&b);
    assert_int_equal(base_credential("other", dir, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "cred.absent");
    assert_int_equal(base_credential("key", NULL, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "cred.absent");
}

static void credential_by_environment(void **state)
{
    char other[] = "/tmp/base_file.XXXXXX", path[100];
    struct base_fail f = {0};
    struct base_buf b;

    (void)state;
    assert_non_null(mkdtemp(other));
    snprintf(path, sizeof path, "%s/key", other);
    assert_int_equal(base_file_write(AT_FDCWD, path, "given", 5, 0440, NULL), BASE_OK);
    assert_int_equal(base_file_write(dirfd_, "key", "file", 4, 0600, NULL), BASE_OK);
    assert_int_equal(base_file_write(dirfd_, "only", "here", 4, 0600, NULL), BASE_OK);
    setenv("CREDENTIALS_DIRECTORY", other, 1);
    assert_int_equal(base_credential("key", dir, &b, &f), BASE_OK);
    assert_string_equal(base_buf_str(&b), "given"); /* first, and its group may read */
    base_buf_wipe(&b);
    assert_int_equal(base_credential("only", dir, &b, &f), BASE_OK);
    assert_string_equal(base_buf_str(&b), "here");
    base_buf_wipe(&b);
    assert_int_equal(base_credential("only", NULL, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "cred.absent");
    unsetenv("CREDENTIALS_DIRECTORY");
    unlink(path);
    rmdir(other);
}

static void credential_limits(void **state)
{
    static char big[65537];
    static const char *const names[] = {"", ".", "..", "../x", "a/b", "/etc/passwd", ".hidden"};
    struct base_fail f = {0};
    struct base_buf b;

    (void)state;
    memset(big, 'k', sizeof big);
    assert_int_equal(base_file_write(dirfd_, "key", big, 65536, 0600, NULL), BASE_OK);
    assert_int_equal(base_credential("key", dir, &b, &f), BASE_OK);
    base_buf_wipe(&b);
    assert_int_equal(base_file_write(dirfd_, "key", big, 65537, 0600, NULL), BASE_OK);
    assert_int_equal(base_credential("key", dir, &b, &f), BASE_PERMANENT);
    assert_string_equal(f.code, "cred.size");
    base_buf_wipe(&b);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_int_equal(base_credential(names[i], dir, &b, &f), BASE_PERMANENT);
        assert_string_equal(f.code, "cred.absent");
    }
}

static void reading_descriptors(void **state)
{
    struct base_buf b;
    int p[2];

    (void)state;
    assert_int_equal(pipe(p), 0);
    assert_true(base_write_all(p[1], "12345", 5));
    close(p[1]);
    assert_true(base_read_all(p[0], 5, &b));
    assert_string_equal(base_buf_str(&b), "12345");
    base_buf_free(&b);
    close(p[0]);
    assert_int_equal(pipe(p), 0);
    assert_true(base_write_all(p[1], "123456", 6));
    close(p[1]);
    assert_false(base_read_all(p[0], 5, &b));
    assert_int_equal(errno, EFBIG);
    base_buf_free(&b);
    close(p[0]);
}

static void no_core_files(void **state)
{
    int status;
    pid_t pid = fork();

    (void)state;
    if (pid == 0) {
        struct rlimit l = {1, 1};
        base_no_core();
        getrlimit(RLIMIT_CORE, &l);
        _exit(l.rlim_cur != 0 || l.rlim_max != 0 || prctl(PR_GET_DUMPABLE) != 0);
    }
    waitpid(pid, &status, 0);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(written_whole_with_its_mode, setup, teardown),
        cmocka_unit_test_setup_teardown(replaces_by_rename, setup, teardown),
        cmocka_unit_test_setup_teardown(replaces_a_link_not_its_target, setup, teardown),
        cmocka_unit_test_setup_teardown(never_half_there, setup, teardown),
        cmocka_unit_test_setup_teardown(failed_write_leaves_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(no_space_is_temporary, setup, teardown),
        cmocka_unit_test_setup_teardown(sweeping_finds_what_a_killed_writer_left, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_is_capped_and_regular, setup, teardown),
        cmocka_unit_test_setup_teardown(credential_by_directory, setup, teardown),
        cmocka_unit_test_setup_teardown(credential_by_environment, setup, teardown),
        cmocka_unit_test_setup_teardown(credential_limits, setup, teardown),
        cmocka_unit_test_setup_teardown(reading_descriptors, setup, teardown),
        cmocka_unit_test(no_core_files),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
