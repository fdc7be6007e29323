/* atomic.c: a save under faults.  Each system call of a save fails once, and the process dies once
 * before each: the path holds the old or the new content, whole, and what was left lying about is
 * removed by the next save.  The calls are caught by functions of the same names, here. */
#include "core/data/atomic.h"
#include "core/tensor/level.h"
#include "tests/core/folder.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static const char old_text[] = "the old content";
static const char new_text[] = "the new content, which is longer";

static gt_ctx *cx;

/* ---- the calls of a save ---- */

typedef enum what { NOTHING, FAIL, DIE } what;
static what fault;
static int before; /* calls that still succeed */
static const char *failed;

static bool stopped(const char *call) {
  if (fault == NOTHING || before-- != 0) return false;
  if (fault == DIE) raise(SIGKILL);
  failed = call;
  errno = EIO;
  return true;
}

int openat(int at, const char *name, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
  va_end(rest);
  return stopped("openat") ? -1 : (int)syscall(SYS_openat, at, name, flags, mode);
}

int open(const char *name, int flags, ...) {
  va_list rest;
  va_start(rest, flags);
  int mode = flags & O_CREAT ? va_arg(rest, int) : 0;
  va_end(rest);
  return stopped("open") ? -1 : (int)syscall(SYS_openat, AT_FDCWD, name, flags, mode);
}

ssize_t write(int fd, const void *data, size_t n) {
  return stopped("write") ? -1 : syscall(SYS_write, fd, data, n);
}

int fsync(int fd) { return stopped("fsync") ? -1 : (int)syscall(SYS_fsync, fd); }

int fchmod(int fd, mode_t mode) {
  return stopped("fchmod") ? -1 : (int)syscall(SYS_fchmod, fd, mode);
}

int renameat(int from_at, const char *from, int to_at, const char *to) {
  if (stopped("renameat")) return -1;
  return (int)syscall(SYS_renameat2, from_at, from, to_at, to, 0);
}

/* ---- helpers ---- */

static int set_up(void **state) {
  return gt_ctx_new(&(gt_config){.cpu = gt_cpu_level_best()->cpu, .threads = 1}, &cx)
             ? -1
             : make_folder(state);
}

static int tear_down(void **state) {
  gt_ctx_free(cx);
  return remove_folder(state);
}

static void write_old(void) {
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  fputs(old_text, f);
  assert_int_equal(fclose(f), 0);
}

static bool holds(const char *text) {
  char bytes[128] = {0};
  FILE *f = fopen(path, "r");
  assert_non_null(f);
  fread(bytes, 1, sizeof bytes - 1, f);
  fclose(f);
  return strcmp(bytes, text) == 0;
}

/* In two pieces, as a save of several tensors. */
static gt_status save(void) {
  gt_atomic file = {.folder = -1, .fd = -1};
  gt_status status = gt_atomic_open(cx, path, &file);
  if (!status) status = gt_atomic_write(cx, &file, new_text, 10);
  if (!status) status = gt_atomic_write(cx, &file, new_text + 10, sizeof new_text - 11);
  if (!status) status = gt_atomic_commit(cx, &file);
  gt_atomic_abort(&file);
  return status;
}

/* ---- tests ---- */

static void every_call_may_fail(void **state) {
  (void)state;
  static const char *const must_fail[] = {"open", "openat", "fchmod", "write", "fsync", "renameat"};
  unsigned seen = 0;
  int unnoticed = 0;
  int descriptors = entries_of("/proc/self/fd");
  gt_status status = GT_EIO;
  for (int n = 0; status != GT_OK || failed; n++) {
    assert_true(n < 100);
    write_old();
    fault = FAIL, before = n, failed = NULL;
    status = save();
    fault = NOTHING;
    if (status == GT_OK && failed) { /* only the look for leftovers may fail unnoticed */
      assert_string_equal(failed, "openat");
      unnoticed++;
    }
    if (status != GT_OK) {
      for (int i = 0; i < 6; i++) seen |= (unsigned)(strcmp(failed, must_fail[i]) == 0) << i;
      assert_int_equal(status, GT_EIO);
      assert_non_null(strstr(cx->message, "cannot save '"));
      assert_non_null(strstr(cx->message, strerror(EIO)));
    }
    /* the fsync of the folder comes when all is done: what it reports is that it may be lost */
    bool last = status != GT_OK && holds(new_text);
    if (last) assert_string_equal(failed, "fsync");
    assert_true(last || holds(status == GT_OK ? new_text : old_text));
    assert_int_equal(entries_of(folder), 1);
    assert_int_equal(entries_of("/proc/self/fd"), descriptors);
  }
  assert_int_equal(seen, 63);
  assert_int_equal(unnoticed, 1);
}

static void a_killed_save_leaves_what_the_next_one_removes(void **state) {
  (void)state;
  bool died = true, left = false;
  for (int n = 0; died; n++) {
    assert_true(n < 100);
    write_old();
    pid_t child = fork();
    if (child == 0) {
      fault = DIE, before = n;
      _exit(save() == GT_OK ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    died = WIFSIGNALED(status);
    assert_true(died || WEXITSTATUS(status) == 0);
    assert_true(holds(old_text) || holds(new_text));
    left |= entries_of(folder) == 2;
    assert_int_equal(save(), GT_OK);
    assert_true(holds(new_text));
    assert_int_equal(entries_of(folder), 1);
  }
  assert_true(left); /* there was something to remove */
}

/* Two saves at a time, to one folder: neither takes the other's file for a leftover. */
static void saves_leave_each_other_alone(void **state) {
  (void)state;
  gt_atomic first = {.folder = -1, .fd = -1};
  char other[160];
  snprintf(other, sizeof other, "%s/other", folder);
  assert_int_equal(gt_atomic_open(cx, other, &first), GT_OK);
  assert_int_equal(save(), GT_OK);
  assert_int_equal(gt_atomic_write(cx, &first, "x", 1), GT_OK);
  assert_int_equal(gt_atomic_commit(cx, &first), GT_OK);
  assert_int_equal(access(other, F_OK), 0);
  assert_int_equal(entries_of(folder), 2);
  unlink(other);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(every_call_may_fail),
      cmocka_unit_test(a_killed_save_leaves_what_the_next_one_removes),
      cmocka_unit_test(saves_leave_each_other_alone),
  };
  return cmocka_run_group_tests_name("atomic", tests, set_up, tear_down);
}
