/* A trained model against what Hugging Face's own code computed from the same files: logits, greedy tokens, likelihood;
 * straight from its directory, and from the GGUFs that st2gguf makes of it.
 *
 * usage: test_golden MODEL[@LABEL] [ST2GGUF TYPE...]   MODEL: a directory with golden/; TYPE: of GGUFs, all exact;
 * LABEL: with config.LABEL.json for config.json, and golden-LABEL/ */
#include <dirent.h>
#include <errno.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfmt/json.h>
#include <libinfer/measure.h>

enum { PROMPTS = 3, GREEDY = 32, MAX_FORMS = 4, PATH_BYTES = 4096 };

#define TOLERANCE 2e-4

/* What the tests share: the goldens, and the forms of the model that exist. */
struct fixture {
	char model[PATH_BYTES], goldens[PATH_BYTES], folder[PATH_BYTES];
	char forms[MAX_FORMS][PATH_BYTES]; /* paths: the directory, then GGUFs */
	size_t n_forms;
	struct fmt_model *golden;
	struct quant_pool *pool;
	struct fmt_view *view;             /* of the form that is open */
	struct infer_model *m;
};

static struct fixture fix;

static void check(bool ok, const struct fmt_err *err)
{
	char line[800];

	if (ok)
		return;
	fmt_err_line(err, line, sizeof line);
	fail_msg("%s", line);
}

static void open_form(size_t i)
{
	struct fmt_err err = { 0 };

	fix.view = fmt_view_open(fix.forms[i], NULL, &err);
	check(fix.view, &err);
	fix.m = infer_model_create(fix.view, fix.pool, &err);
	check(fix.m, &err);
}

static void close_form(void)
{
	infer_model_destroy(fix.m);
	fmt_view_close(fix.view);
}

/* The golden tensor "KIND_N" (or "KIND" for n < 0), read into memory; *n_elems of its 4-byte elements. */
static void *golden(const char *kind, int n, size_t *n_elems)
{
	char name[32];
	struct fmt_err err = { 0 };
	const struct fmt_tensor *t;
	void *data;

	snprintf(name, sizeof name, n < 0 ? "%s" : "%s_%d", kind, n);
	t = fmt_model_find(fix.golden, (struct fmt_str){ name, strlen(name) });
	assert_non_null(t);
	data = malloc(t->n_bytes);
	assert_non_null(data);
	check(fmt_tensor_read(fix.golden, t, 0, fmt_tensor_rows(t), data, &err), &err);
	*n_elems = t->n_elems;
	return data;
}

static size_t argmax(const float *x, size_t n)
{
	size_t best = 0;

	for (size_t i = 1; i < n; i++)
		best = x[i] > x[best] ? i : best;
	return best;
}

static float *logits_of(const int32_t *ids, size_t n, uint32_t n_batch)
{
	struct fmt_err err = { 0 };
	float *logits = malloc(n * infer_n_vocab(fix.m) * sizeof *logits);
	struct infer_run *r = infer_run_create(fix.m, (uint32_t)n, n_batch, &err);

	assert_non_null(logits);
	check(r, &err);
	check(infer_eval(r, ids, (uint32_t)n, true, logits, &err), &err);
	infer_run_destroy(r);
	return logits;
}

/* The largest of `worst` and all differences; NaN stays. */
static double largest_difference(const float *a, const float *b, size_t n, double worst)
{
	for (size_t i = 0; i < n; i++) {
		double d = fabs((double)a[i] - (double)b[i]);

		worst = d > worst || isnan(d) ? d : worst;
	}
	return worst;
}

/* Every row within the tolerance, with the same argmax. */
static void logits_equal_the_goldens(void **state)
{
	(void)state;
	for (size_t form = 0; form < fix.n_forms; form++) {
		double worst = 0;

		open_form(form);
		for (int p = 0; p < PROMPTS; p++) {
			size_t n, n_logits, n_rows, n_vocab = infer_n_vocab(fix.m);
			int32_t *ids = golden("ids", p, &n), *top = golden("argmax", p, &n_rows);
			float *want = golden("logits", p, &n_logits), *got = logits_of(ids, n, 0);

			const float *last = got + n * n_vocab - n_logits; /* a golden may have the last row only */

			assert_true(n_logits == n * n_vocab || n_logits == n_vocab);
			assert_int_equal(n_rows, n);
			worst = largest_difference(last, want, n_logits, worst);
			for (size_t t = 0; t < n; t++)
				assert_int_equal(argmax(got + t * n_vocab, n_vocab), top[t]);
			free(ids);
			free(top);
			free(want);
			free(got);
		}
		print_message("%s: largest difference %.3g\n", fix.forms[form], worst);
		assert_true(worst <= TOLERANCE);
		close_form();
	}
}

/* All forms hold the same numbers, so not one bit may differ; nor with other batches. */
static void bits_are_the_same_from_every_form_and_batch(void **state)
{
	static const uint32_t batches[] = { 1, 7, 64 };
	size_t n;
	int32_t *ids = golden("ids", PROMPTS - 1, &n);
	float *first = NULL;

	(void)state;
	for (size_t form = 0; form < fix.n_forms; form++) {
		open_form(form);
		for (size_t b = 0; b < 3; b++) {
			float *got = logits_of(ids, n, batches[b]);

			if (first)
				assert_memory_equal(got, first, n * infer_n_vocab(fix.m) * sizeof *got);
			else
				first = got;
			if (got != first)
				free(got);
		}
		close_form();
	}
	free(first);
	free(ids);
}

static void greedy_tokens_equal_the_goldens(void **state)
{
	(void)state;
	for (size_t form = 0; form < fix.n_forms; form++) {
		float *logits;

		open_form(form);
		logits = malloc(infer_n_vocab(fix.m) * sizeof *logits);
		assert_non_null(logits);
		for (int p = 0; p < PROMPTS; p++) {
			struct fmt_err err = { 0 };
			size_t n, n_greedy;
			int32_t *ids = golden("ids", p, &n), *want = golden("greedy", p, &n_greedy);
			struct infer_run *r = infer_run_create(fix.m, (uint32_t)(n + n_greedy), 0, &err);

			check(r, &err);
			assert_int_equal(n_greedy, GREEDY);
			check(infer_eval(r, ids, (uint32_t)n, false, logits, &err), &err);
			for (size_t i = 0; i < n_greedy; i++) {
				assert_int_equal(argmax(logits, infer_n_vocab(fix.m)), want[i]);
				check(infer_eval(r, want + i, 1, false, logits, &err), &err);
			}
			infer_run_destroy(r);
			free(ids);
			free(want);
		}
		free(logits);
		close_form();
	}
}

/* The number `key` of golden.json; false if it is not there. */
static bool golden_number(const char *key, double *out)
{
	char path[PATH_BYTES + 32];
	static char text[1 << 20];
	struct fmt_err err = { 0 };
	struct json_doc *doc;
	size_t n;
	FILE *f;
	bool ok;

	snprintf(path, sizeof path, "%s/golden.json", fix.goldens);
	f = fopen(path, "rb");
	assert_non_null(f);
	n = fread(text, 1, sizeof text, f);
	fclose(f);
	doc = json_parse(text, n, &err);
	check(doc, &err);
	ok = json_f64(json_get(json_get(json_root(doc), "val"), key), out);
	json_free(doc);
	return ok;
}

static void likelihood_equals_the_goldens(void **state)
{
	static const struct {
		const char *key;
		uint32_t window;
	} windows[] = { { "nll_window_128", 128 }, { "nll_window_1024", 1024 } };

	(void)state;
	for (size_t form = 0; form < fix.n_forms; form++) {
		size_t n;
		int32_t *ids = golden("val_ids", -1, &n);

		open_form(form);
		for (size_t w = 0; w < 2; w++) {
			struct fmt_err err = { 0 };
			struct infer_run *r;
			struct infer_windows text;
			struct infer_sum nll = { 0 };
			double want, got;

			/* the long window takes most of the time, and the forms' bits are compared already */
			if ((form && windows[w].window > 128) || !golden_number(windows[w].key, &want))
				continue;
			r = infer_run_create(fix.m, windows[w].window, 0, &err);
			check(r, &err);
			check(infer_windows_init(&text, INFER_METHOD_HUGGING_FACE, ids, n, windows[w].window, 0, -1, &err), &err);
			check(infer_measure_nll(r, &text, &nll, NULL, NULL, &err), &err);
			got = infer_sum_mean(&nll);
			assert_int_equal(nll.n, n - n / windows[w].window);
			if (!(fabs(got - want) <= 1e-5 * want))
				fail_msg("%s: %s is %.6f, not %.6f", fix.forms[form], windows[w].key, got, want);
			infer_run_destroy(r);
		}
		free(ids);
		close_form();
	}
}

/* A model does not diverge from its exact conversion. */
static void conversions_do_not_diverge(void **state)
{
	struct fmt_err err = { 0 };
	size_t n;
	int32_t *ids = golden("val_ids", -1, &n);

	(void)state;
	for (size_t form = 1; form < fix.n_forms; form++) {
		struct fmt_view *view = fmt_view_open(fix.forms[0], NULL, &err);
		struct infer_model *reference;
		struct infer_run *a, *b;
		struct infer_divergence d = { 0 };
		struct infer_windows text;

		check(view, &err);
		reference = infer_model_create(view, fix.pool, &err);
		check(reference, &err);
		open_form(form);
		a = infer_run_create(reference, 48, 0, &err);
		b = infer_run_create(fix.m, 48, 5, &err);
		check(a && b, &err);
		check(infer_windows_init(&text, INFER_METHOD_HUGGING_FACE, ids, 200, 48, 0, -1, &err), &err);
		check(infer_compare(a, b, &text, &d, &err), &err);
		assert_int_equal(d.n, 200 - 5); /* five windows, of each all tokens but the first */
		assert_int_equal(d.n_same_top, d.n);
		assert_true(d.kl.sum == 0 && d.max_diff == 0);
		infer_divergence_finish(&d);
		infer_run_destroy(a);
		infer_run_destroy(b);
		close_form();
		infer_model_destroy(reference);
		fmt_view_close(view);
	}
	free(ids);
}

static void wrong_calls_change_nothing(void **state)
{
	struct fmt_err err = { 0 };
	struct infer_run *r;
	size_t n;
	int32_t *ids = golden("ids", 1, &n);
	float *want, *got;

	(void)state;
	open_form(0);
	got = malloc(infer_n_vocab(fix.m) * sizeof *got);
	assert_non_null(got);
	r = infer_run_create(fix.m, 20, 0, &err);
	check(r, &err);
	check(infer_eval(r, ids, 10, false, NULL, &err), &err);
	assert_false(infer_eval(r, ids, 11, false, got, &err)); /* 10 and 11 are more than 20 */
	assert_int_equal(err.code, FMT_USAGE);
	err = (struct fmt_err){ 0 };
	assert_false(infer_eval(r, (const int32_t[]){ 5, -1 }, 2, false, got, &err));
	assert_int_equal(err.code, FMT_USAGE);
	err = (struct fmt_err){ 0 };
	assert_false(infer_eval(r, (const int32_t[]){ 5, (int32_t)infer_n_vocab(fix.m) }, 2, false, got, &err));
	assert_int_equal(infer_run_pos(r), 10);
	err = (struct fmt_err){ 0 };
	check(infer_eval(r, ids + 10, 10, false, got, &err), &err);
	assert_int_equal(infer_run_pos(r), 20);
	want = logits_of(ids, 20, 0);
	assert_memory_equal(got, want + 19 * infer_n_vocab(fix.m), infer_n_vocab(fix.m) * sizeof *got);
	infer_run_reset(r);
	check(infer_eval(r, ids, 20, false, got, &err), &err);
	assert_memory_equal(got, want + 19 * infer_n_vocab(fix.m), infer_n_vocab(fix.m) * sizeof *got);
	free(want);
	free(got);
	free(ids);
	infer_run_destroy(r);
	close_form();
}

/* Makes fix.forms[i] with `st2gguf --quant TYPE`. */
static bool convert(const char *st2gguf, const char *type)
{
	char *path = fix.forms[fix.n_forms];
	int status;
	pid_t pid;

	if ((size_t)snprintf(path, PATH_BYTES, "%s/%s.gguf", fix.folder, type) >= PATH_BYTES)
		return false;
	pid = fork();
	if (!pid) {
		execl(st2gguf, st2gguf, "--quiet", "--quant", type, fix.model, "-o", path, (char *)NULL);
		_exit(127);
	}
	fix.n_forms++;
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Everything of the model in a folder of links, one of its other configs as config.json. */
static bool relabel(const char *model, const char *label)
{
	char from[2 * PATH_BYTES], to[2 * PATH_BYTES];
	DIR *dir = opendir(model);
	bool ok = dir && (size_t)snprintf(fix.model, sizeof fix.model, "%s/model", fix.folder) < sizeof fix.model &&
	          !mkdir(fix.model, 0700);

	for (const struct dirent *e; ok && (e = readdir(dir));) {
		if (!strncmp(e->d_name, "config", 6) || !strncmp(e->d_name, "golden", 6) || e->d_name[0] == '.')
			continue;
		snprintf(from, sizeof from, "%s/%s", model, e->d_name);
		snprintf(to, sizeof to, "%s/%s", fix.model, e->d_name);
		ok = !symlink(from, to);
	}
	if (dir)
		closedir(dir);
	snprintf(from, sizeof from, "%s/config.%s.json", model, label);
	snprintf(to, sizeof to, "%s/config.json", fix.model);
	return ok && !symlink(from, to);
}

static void remove_all(const char *folder)
{
	char path[2 * PATH_BYTES];
	DIR *dir = opendir(folder);

	for (const struct dirent *e; dir && (e = readdir(dir));) {
		snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
		unlink(path);
	}
	if (dir)
		closedir(dir);
	rmdir(folder);
}

static void remove_folder(void)
{
	char links[PATH_BYTES + 8];

	snprintf(links, sizeof links, "%s/model", fix.folder);
	remove_all(links);
	remove_all(fix.folder);
}

static bool prepare(int argc, char **argv, const char *label)
{
	struct fmt_err err = { 0 };
	char path[PATH_BYTES + 32];
	const char *tmp = getenv("TMPDIR");

	snprintf(fix.model, sizeof fix.model, "%s", argv[1]);
	snprintf(fix.goldens, sizeof fix.goldens, "%s/golden%s%s", argv[1], label ? "-" : "", label ? label : "");
	snprintf(fix.folder, sizeof fix.folder, "%s/test_golden.XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(fix.folder) || (label && !relabel(argv[1], label)))
		return false;
	memcpy(fix.forms[fix.n_forms++], fix.model, PATH_BYTES);
	snprintf(path, sizeof path, "%s/golden.safetensors", fix.goldens);
	fix.pool = quant_pool_create(2);
	fix.golden = fmt_model_open(path, &err);
	if (!fix.pool || !fix.golden)
		return false;
	for (int i = 3; i < argc; i++)
		if (!convert(argv[2], argv[i]))
			return false;
	return true;
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(logits_equal_the_goldens),
		cmocka_unit_test(bits_are_the_same_from_every_form_and_batch),
		cmocka_unit_test(greedy_tokens_equal_the_goldens),
		cmocka_unit_test(likelihood_equals_the_goldens),
		cmocka_unit_test(conversions_do_not_diverge),
		cmocka_unit_test(wrong_calls_change_nothing),
	};
	char *label = argc < 2 ? NULL : strchr(argv[1], '@');
	struct stat st;
	int failed;

	if (label)
		*label++ = 0;
	if (argc < 2 || argc - 3 >= MAX_FORMS)
		return 2;
	if (stat(argv[1], &st)) {
		printf("skipped: %s is not here\n", argv[1]);
		return 77;
	}
	if (!prepare(argc, argv, label)) {
		fprintf(stderr, "test_golden: cannot set up %s\n", fix.model);
		remove_folder();
		return 1;
	}
	failed = cmocka_run_group_tests(tests, NULL, NULL);
	remove_folder();
	fmt_model_close(fix.golden);
	quant_pool_destroy(fix.pool);
	return failed;
}
