/* The files of testdata/ keep what their names promise: good-* opens and can be read, bad-* and unsupported-* are
 * refused with an error of that kind. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/model.h>

static bool starts(const char *s, const char *with)
{
	return !strncmp(s, with, strlen(with));
}

static void read_all(const struct fmt_model *m, const char *path)
{
	for (uint64_t i = 0; i < m->n_tensors; i++) {
		const struct fmt_tensor *t = &m->tensors[i];
		struct fmt_err err = { 0 };
		void *p = malloc(t->n_bytes + 1);

		if (!fmt_tensor_read(m, t, 0, fmt_tensor_rows(t), p, &err))
			fail_msg("%s: %s", path, err.msg);
		free(p);
	}
}

static void check_file(const char *path, const char *name)
{
	struct fmt_err err = { 0 };
	struct fmt_model *m = fmt_model_open(path, &err);

	/* a later part is good as a part only */
	if (starts(name, "good-split-") && !strstr(name, "-00001-of-"))
		assert_int_equal(err.code, FMT_MISMATCH);
	else if (starts(name, "good-") && !m)
		fail_msg("%s: refused: %s", path, err.msg);
	else if (starts(name, "bad-") && (m || err.code == FMT_UNSUPPORTED || err.code == FMT_IO || err.code == FMT_NOMEM))
		fail_msg("%s: code %d: %s", path, err.code, m ? "accepted" : err.msg);
	else if (starts(name, "unsupported-") && err.code != FMT_UNSUPPORTED)
		fail_msg("%s: code %d: %s", path, err.code, m ? "accepted" : err.msg);
	if (m)
		read_all(m, path);
	fmt_model_close(m);
}

static void verdicts(void **state)
{
	static const char *const formats[] = { "gguf", "safetensors", "torch" };
	const char *testdata = getenv("ASSAY_TESTDATA");
	unsigned n = 0;

	(void)state;
	assert_non_null(testdata);
	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
		char path[4096];
		struct dirent *e;
		DIR *d;

		snprintf(path, sizeof path, "%s/%s", testdata, formats[i]);
		d = opendir(path);
		while (d && (e = readdir(d))) {
			if (e->d_name[0] == '.')
				continue;
			snprintf(path, sizeof path, "%s/%s/%s", testdata, formats[i], e->d_name);
			check_file(path, e->d_name);
			n++;
		}
		if (d)
			closedir(d);
	}
	assert_true(n > 30);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(verdicts) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
