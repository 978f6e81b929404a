/* sink.c: whole or not at all, whatever happens. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/sink.h>

static char dir[64], out[80];

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/assay-sink-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(out, sizeof out, "%s/out", dir);
	return 0;
}

/* How many files the directory has; all are removed. */
static int sweep(void)
{
	DIR *d = opendir(dir);
	struct dirent *e;
	int n = 0;

	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, "..")) {
			n++;
			unlinkat(dirfd(d), e->d_name, 0);
		}
	closedir(d);
	return n;
}

static int tear_down(void **state)
{
	(void)state;
	sweep();
	return rmdir(dir);
}

static void put_file(const char *text)
{
	FILE *f = fopen(out, "w");

	fputs(text, f);
	fclose(f);
}

static void expect_file(const char *text, size_t n)
{
	char buf[256];
	FILE *f = fopen(out, "r");

	assert_non_null(f);
	assert_int_equal(fread(buf, 1, sizeof buf, f), n);
	fclose(f);
	assert_memory_equal(buf, text, n);
}

static void any_order_and_holes(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_sink *s = fmt_sink_create(out, false, &err);

	(void)state;
	assert_non_null(s);
	assert_true(fmt_sink_write(s, 6, "world", 5, &err));
	assert_true(fmt_sink_write(s, 0, "hello", 5, &err));
	assert_true(fmt_sink_write(s, 90, "too much", 8, &err));
	assert_int_equal(access(out, F_OK), -1); /* not yet */
	assert_true(fmt_sink_commit(s, 13, &err));
	expect_file("hello\0world\0\0", 13);
	assert_int_equal(sweep(), 1);
}

/* What has no name yet can be read all the same, and written further. */
static void read_before_commit(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_sink *s = fmt_sink_create(out, false, &err);
	char buf[8] = "", *path;
	FILE *f;

	(void)state;
	assert_true(fmt_sink_write(s, 0, "hello", 5, &err));
	path = fmt_sink_path(s, 7, &err);
	assert_non_null(path);
	assert_int_equal(access(out, F_OK), -1);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_int_equal(fread(buf, 1, sizeof buf, f), 7);
	assert_memory_equal(buf, "hello\0\0", 7);
	fclose(f);
	free(path);
	assert_true(fmt_sink_write(s, 0, "H", 1, &err));
	assert_true(fmt_sink_commit(s, 5, &err));
	expect_file("Hello", 5);
	s = fmt_sink_create(out, true, &err);
	assert_null(fmt_sink_path(s, UINT64_MAX, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	fmt_sink_abort(s);
}

static void aborted(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_sink *s = fmt_sink_create(out, false, &err);

	(void)state;
	assert_true(fmt_sink_write(s, 0, "hello", 5, &err));
	fmt_sink_abort(s);
	fmt_sink_abort(NULL);
	assert_int_equal(sweep(), 0);
}

static void never_overwrites_unasked(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_sink *s;

	(void)state;
	put_file("old");
	assert_null(fmt_sink_create(out, false, &err));
	assert_int_equal(err.code, FMT_EXISTS);
	assert_string_equal(err.file, out);
	/* one that appears meanwhile */
	unlink(out);
	err = (struct fmt_err){ 0 };
	s = fmt_sink_create(out, false, &err);
	assert_non_null(s);
	put_file("other");
	assert_false(fmt_sink_commit(s, 3, &err));
	assert_int_equal(err.code, FMT_EXISTS);
	expect_file("other", 5);
	assert_int_equal(sweep(), 1);
}

static void overwrites_when_asked(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_sink *s;
	struct stat st;

	(void)state;
	put_file("old");
	chmod(out, 0640);
	s = fmt_sink_create(out, true, &err);
	assert_non_null(s);
	assert_true(fmt_sink_write(s, 0, "new!", 4, &err));
	expect_file("old", 3);
	assert_true(fmt_sink_commit(s, 4, &err));
	expect_file("new!", 4);
	assert_int_equal(stat(out, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0640);
	assert_int_equal(sweep(), 1);
}

static void only_files(void **state)
{
	struct fmt_err err = { 0 };

	(void)state;
	assert_null(fmt_sink_create(dir, true, &err));
	assert_int_equal(err.code, FMT_USAGE);
	err = (struct fmt_err){ 0 };
	assert_null(fmt_sink_create("/dev/null", true, &err));
	assert_int_equal(err.code, FMT_USAGE);
	err = (struct fmt_err){ 0 };
	assert_null(fmt_sink_create("/tmp/", true, &err));
	assert_int_equal(err.code, FMT_USAGE);
	err = (struct fmt_err){ 0 };
	assert_null(fmt_sink_create("/nonexistent/x", true, &err));
	assert_int_equal(err.code, FMT_IO);
	assert_non_null(strstr(err.msg, "no directory '/nonexistent'"));
	err = (struct fmt_err){ 0 };
	assert_null(fmt_sink_create("/dev/null/x", true, &err));
	assert_int_equal(err.code, FMT_IO);
	assert_non_null(strstr(err.msg, "cannot open the directory '/dev/null'"));
}

enum { PARTS = 3 };

static void part_path(char path[96], int i)
{
	snprintf(path, 96, "%s/part-%d", dir, i);
}

static void put_part(int i, const char *text)
{
	char path[96];
	FILE *f;

	part_path(path, i);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
}

static bool has_part(int i, const char *text)
{
	char path[96], buf[16] = "";
	FILE *f;

	part_path(path, i);
	f = fopen(path, "r");
	if (!f)
		return false;
	assert_true(fread(buf, 1, sizeof buf - 1, f) > 0);
	fclose(f);
	return !strcmp(buf, text);
}

static void open_parts(struct fmt_sink **s, bool overwrite)
{
	struct fmt_err err = { 0 };

	for (int i = 0; i < PARTS; i++) {
		char path[96];

		part_path(path, i);
		s[i] = fmt_sink_create(path, overwrite, &err);
		assert_non_null(s[i]);
		assert_true(fmt_sink_write(s[i], 0, "new", 3, &err));
	}
}

static void several(void **state)
{
	static const uint64_t n_bytes[PARTS] = { 3, 3, 3 };
	struct fmt_err err = { 0 };
	struct fmt_sink *s[PARTS];

	(void)state;
	open_parts(s, false);
	assert_true(fmt_sink_commit_all(s, n_bytes, PARTS, &err));
	assert_true(has_part(0, "new") && has_part(1, "new") && has_part(2, "new"));
	assert_int_equal(sweep(), PARTS);
	/* others in their place, one of which is not there */
	put_part(0, "old");
	put_part(2, "old");
	open_parts(s, true);
	assert_true(has_part(0, "old") && has_part(2, "old"));
	assert_true(fmt_sink_commit_all(s, n_bytes, PARTS, &err));
	assert_true(has_part(0, "new") && has_part(1, "new") && has_part(2, "new"));
	assert_int_equal(sweep(), PARTS);
}

/* One of them cannot have its name: none has. */
static void several_or_none(void **state)
{
	static const uint64_t n_bytes[PARTS] = { 3, 3, 3 }, too_large[PARTS] = { 3, UINT64_MAX, 3 };

	(void)state;
	for (int i = 0; i < PARTS; i++) {
		struct fmt_err err = { 0 };
		struct fmt_sink *s[PARTS];

		open_parts(s, false);
		put_part(i, "other");
		assert_false(fmt_sink_commit_all(s, n_bytes, PARTS, &err));
		assert_int_equal(err.code, FMT_EXISTS);
		assert_true(has_part(i, "other"));
		assert_int_equal(sweep(), 1);
		/* what is wrong before any name is given leaves what there was */
		err = (struct fmt_err){ 0 };
		put_part(0, "old");
		open_parts(s, true);
		assert_false(fmt_sink_commit_all(s, too_large, PARTS, &err));
		assert_int_equal(err.code, FMT_LIMIT);
		assert_true(has_part(0, "old"));
		assert_int_equal(sweep(), 1);
	}
}

/* Free space is that of the output's file system, in bytes; other programs change it between two looks. */
static void free_bytes(void **state)
{
	struct fmt_err err = { 0 };
	struct fmt_sink *s = fmt_sink_create(out, false, &err);
	struct statvfs st;
	uint64_t n = 0, want;

	(void)state;
	assert_non_null(s);
	assert_int_equal(statvfs(dir, &st), 0);
	assert_int_equal(fmt_sink_free_bytes(s, &n), st.f_blocks != 0);
	want = (uint64_t)(geteuid() ? st.f_bavail : st.f_bfree) * st.f_frsize;
	if (st.f_blocks)
		assert_true(n > want / 2 && n / 2 <= want);
	fmt_sink_abort(s);
}

/* A disk that is full, as a limit on the size of files shows it. */
static void no_room(void **state)
{
	const struct rlimit small = { 4096, RLIM_INFINITY };
	struct rlimit before;
	struct fmt_err err = { 0 };
	struct fmt_sink *s;
	static char data[8192];

	(void)state;
	signal(SIGXFSZ, SIG_IGN);
	put_file("old");
	s = fmt_sink_create(out, true, &err);
	assert_non_null(s);
	getrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
	assert_false(fmt_sink_write(s, 0, data, sizeof data, &err));
	setrlimit(RLIMIT_FSIZE, &before);
	assert_int_equal(err.code, FMT_IO);
	assert_non_null(strstr(err.msg, "cannot write"));
	assert_false(fmt_sink_commit(s, sizeof data, &err)); /* drops it */
	expect_file("old", 3);
	assert_int_equal(sweep(), 1);
}

/* kill -9 while writing: the earlier file is as it was, and where files without a name exist nothing else is there. */
static void killed(void **state)
{
	int ready[2], status;
	pid_t child;
	char byte;

	(void)state;
	put_file("old");
	assert_int_equal(pipe(ready), 0);
	child = fork();
	if (!child) {
		struct fmt_err err = { 0 };
		struct fmt_sink *s = fmt_sink_create(out, true, &err);

		fmt_sink_write(s, 0, "new contents", 12, &err);
		if (write(ready[1], "", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &byte, 1), 1);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
	close(ready[0]);
	close(ready[1]);
	assert_true(WIFSIGNALED(status));
	expect_file("old", 3);
#if defined(O_TMPFILE) && !defined(SINK_NAMED)
	int probe = open(dir, O_TMPFILE | O_RDWR, 0600);

	if (probe >= 0) {
		close(probe);
		assert_int_equal(sweep(), 1); /* the old one and nothing else */
	}
#endif
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(any_order_and_holes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(read_before_commit, set_up, tear_down),
		cmocka_unit_test_setup_teardown(aborted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(never_overwrites_unasked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(overwrites_when_asked, set_up, tear_down),
		cmocka_unit_test_setup_teardown(several, set_up, tear_down),
		cmocka_unit_test_setup_teardown(several_or_none, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_files, set_up, tear_down),
		cmocka_unit_test_setup_teardown(free_bytes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(no_room, set_up, tear_down),
		cmocka_unit_test_setup_teardown(killed, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
