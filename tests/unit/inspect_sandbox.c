/* tests/unit/inspect_sandbox.c - what a process behind the sandbox can't do any more.
 *
 * Each try runs in a child of its own that enters the sandbox and then makes one
 * call. A call that must kill ends by SIGSYS; one that must fail, by exit 0. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/bytes.h"
#include "inspect/sandbox.h"

#define FAILS_CLOSED 99
/* the sanitizers' run time needs some of the calls */
#ifdef CERTMILTER_SANITIZE
#define SANITIZED true
#else
#define SANITIZED false
#endif

/* Wait status of a child that enters the sandbox and calls TRY. */
static int behind(int (*try)(void))
{
    int fds[2];

    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();

    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fds[0], STDIN_FILENO);
        dup2(fds[1], STDOUT_FILENO);
        _exit(inspect_sandbox_enter(NULL) == BASE_OK ? try() : FAILS_CLOSED);
    }
    close(fds[0]);
    close(fds[1]);
    int status = 0;

    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_false(WIFEXITED(status) && WEXITSTATUS(status) == FAILS_CLOSED);
    return status;
}

static void must_kill(int (*try)(void))
{
    int status = behind(try);

    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void must_work(int (*try)(void))
{
    int status = behind(try);

    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static int try_open(void)
{
    return open("/etc/passwd", O_RDONLY | O_CLOEXEC) == -1 && errno == EACCES ? 0 : 1;
}

static int try_create(void)
{
    return open("x", O_CREAT | O_WRONLY | O_CLOEXEC, 0600) == -1 && errno == EACCES ? 0 : 1;
}

static int try_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0);
}

static int try_unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0);
}

static int try_exec(void)
{
    char *argv[] = {(char *)"true", NULL}, *envp[] = {NULL};

    return execve("/bin/true", argv, envp);
}

static int try_fork(void)
{
    return (int)syscall(SYS_fork);
}

static int try_kill(void)
{
    return (int)syscall(SYS_kill, 1, 0);
}

static int try_ptrace(void)
{
    return (int)syscall(SYS_ptrace, 0, 0, 0, 0);
}

static int try_stat(void)
{
    struct stat st;

    return stat("/etc/passwd", &st);
}

static int try_unlink(void)
{
    return unlink("/nonexistent");
}

static int try_dup(void)
{
    return (int)syscall(SYS_dup, 0);
}

static int try_unknown(void)
{
    return (int)syscall(100000);
}

static int try_foreign_abi(void)
{
    return (int)syscall(SYS_getpid | 0x40000000); /* x32 */
}

static int try_write_elsewhere(void)
{
    return (int)write(5, "x", 1);
}

static int try_read_elsewhere(void)
{
    char c;

    return (int)read(5, &c, 1);
}

static int try_executable_memory(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != NULL;
}

static int try_make_executable(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(p, 4096, PROT_READ | PROT_EXEC);
}

static int try_work(void)
{
    struct base_arena *a = base_arena_new();
    struct timespec t;
    char c, id[33];

    memset(base_arena_alloc(a, 20 * 1024 * 1024), 1, 20 * 1024 * 1024);
    base_random_id(id, 32);
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    base_arena_free(a);
    return write(STDOUT_FILENO, "x", 1) == 1 && read(STDIN_FILENO, &c, 1) == 1 && c == 'x' ? 0 : 1;
}

static int try_too_much_memory(void)
{
    void *p = mmap(NULL, 600UL * 1024 * 1024, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return p == MAP_FAILED ? 0 : 1;
}

static int try_spin(void)
{
    for (volatile unsigned long i = 0;;) {
        i = i + 1;
    }
    return 1;
}

static void test_killed(void **state)
{
    (void)state;
    must_kill(try_socket);
    must_kill(try_unix_socket);
    must_kill(try_exec);
    must_kill(try_fork);
    must_kill(try_kill);
    must_kill(try_ptrace);
    must_kill(try_unlink);
    must_kill(try_unknown);
    must_kill(try_foreign_abi);
    if (SANITIZED) {
        return;
    }
    must_kill(try_stat);
    must_kill(try_dup);
    must_kill(try_write_elsewhere);
    must_kill(try_read_elsewhere);
    must_kill(try_executable_memory);
    must_kill(try_make_executable);
}

static void test_files(void **state)
{
    (void)state;
    must_work(try_open);
    must_work(try_create);
}

static void test_work(void **state)
{
    (void)state;
    must_work(try_work);
    if (!SANITIZED) {
        must_work(try_too_much_memory);
    }
}

static void test_cpu(void **state)
{
    (void)state;
    struct rlimit l = {1, 1};
    pid_t pid = fork();
    int status = 0;

    if (pid == 0) { /* what the parent allows is never raised */
        setrlimit(RLIMIT_CPU, &l);
        _exit(inspect_sandbox_enter(NULL) == BASE_OK ? try_spin() : FAILS_CLOSED);
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFSIGNALED(status));
    assert_true(WTERMSIG(status) == SIGXCPU || WTERMSIG(status) == SIGKILL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed),
        cmocka_unit_test(test_files),
        cmocka_unit_test(test_work),
        cmocka_unit_test(test_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
