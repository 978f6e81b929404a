/* Tokenizers against goldens: Hugging Face's ids for tokenizer.json, llama.cpp's for vocabularies in GGUF.
 *
 * usage: test_tok_golden models NAME       $ASSAY_SHARED/models/NAME: from its directory, and from the keys of its GGUF
 *        test_tok_golden files NAME        the same from its tokenizer.json alone
 *        test_tok_golden tokenizers NAME   $ASSAY_SHARED/tokenizers/NAME/tokenizer.json
 *        test_tok_golden converted NAME ST2GGUF   the GGUF that st2gguf --vocab-only makes of it
 *        test_tok_golden vocab NAME        $ASSAY_SHARED/tokenizers/vocab-gguf/ggml-vocab-NAME.gguf */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include <libfmt/json.h>
#include <libinfer/tok_check.h>
#include <libinfer/tokenizer.h>

#include "in_parts.h"

enum { PATH_BYTES = 4096 };

static const char *kind, *name, *st2gguf;
static char folder[PATH_BYTES / 2];

static void check(bool ok, const struct fmt_err *err)
{
	char line[800];

	if (ok)
		return;
	fmt_err_line(err, line, sizeof line);
	fail_msg("%s", line);
}

/* A whole file; the caller frees. */
static char *slurp(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *p;
	long size;

	if (!f)
		fail_msg("cannot open %s", path);
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	rewind(f);
	p = malloc((size_t)size + 1);
	assert_non_null(p);
	*n = fread(p, 1, (size_t)size, f);
	p[*n] = '\0';
	fclose(f);
	return p;
}

static struct json_doc *open_json(const char *path)
{
	size_t n;
	char *text = slurp(path, &n);
	struct fmt_err err = { 0 };
	struct json_doc *d = json_parse(text, n, &err);

	check(d, &err);
	free(text);
	return d;
}

static void show_ids(const char *what, const int32_t *ids, uint64_t n)
{
	printf("  %s:", what);
	for (uint64_t i = 0; i < n && i < 60; i++)
		printf(" %d", (int)ids[i]);
	printf("\n");
}

/* True if the text gives the ids of a JSON list; says so if not. */
static bool ids_equal(const struct infer_tokenizer *t, struct fmt_str text, const struct json *want, unsigned flags,
                      const char *label)
{
	struct infer_tokens got = { 0 };
	struct fmt_err err = { 0 };
	int32_t ids[8192];
	uint64_t n = 0;
	int64_t id;
	bool same;

	for (const struct json *j = json_first(want); j; j = json_next(j)) {
		assert_true(json_i64(j, &id) && n < 8192);
		ids[n++] = (int32_t)id;
	}
	check(infer_tokenize(t, text.p, text.n, flags, &got, &err), &err);
	same = got.n == n && (!n || !memcmp(ids, got.ids, n * sizeof *ids));
	for (uint64_t i = 0; i < got.n; i++)
		if (got.starts[i] > text.n || (i && got.starts[i] < got.starts[i - 1]))
			fail_msg("%s: token %d begins at byte %d of %d", label, (int)i, (int)got.starts[i], (int)text.n);
	if (!same) {
		printf("%s: '%.*s' (flags %u)\n", label, text.n > 200 ? 200 : (int)text.n, text.p, flags);
		show_ids("want", ids, n);
		show_ids("got ", got.ids, got.n);
	}
	infer_tokens_finish(&got);
	return same;
}

static bool decoded_equal(const struct infer_tokenizer *t, const struct json *list, struct fmt_str want, bool skip,
                          const char *label)
{
	struct fmt_err err = { 0 };
	int32_t ids[8192];
	size_t n = 0, got_bytes;
	char *got;
	int64_t id;
	bool same;

	for (const struct json *j = json_first(list); j; j = json_next(j)) {
		assert_true(json_i64(j, &id) && n < 8192);
		ids[n++] = (int32_t)id;
	}
	check(infer_detokenize(t, ids, n, skip, &got, &got_bytes, &err), &err);
	same = got_bytes == want.n && !memcmp(got, want.p, want.n);
	if (!same)
		printf("%s: decoded '%s', not '%.*s'\n", label, got, (int)want.n, want.p);
	same_back_in_parts(t, label, ids, n, skip, 1, got, got_bytes);
	same_back_in_parts(t, label, ids, n, skip, 5, got, got_bytes);
	free(got);
	return same;
}

/* tokenize.json and prompts.json of a trained model. keys: the tokenizer is of a GGUF's keys. */
static size_t run_model_goldens(const struct infer_tokenizer *t, const char *file, bool keys, size_t *n_cases)
{
	char path[PATH_BYTES];
	struct json_doc *d;
	size_t n_bad = 0;

	snprintf(path, sizeof path, "%s/golden/%s", folder, file);
	d = open_json(path);
	for (const struct json *j = json_first(json_root(d)); j; j = json_next(j)) {
		struct fmt_str text = json_str(json_get(j, "text"));
		const struct json *plain = json_get(j, "ids_no_special"), *decoded = json_get(j, "decoded");
		const char *label = keys ? "from keys" : "from tokenizer.json";

		n_bad += !ids_equal(t, text, plain, INFER_TOK_PARSE_SPECIAL, label);
		n_bad += !ids_equal(t, text, json_get(j, "ids"), INFER_TOK_PARSE_SPECIAL | INFER_TOK_ADD_SPECIAL, label);
		if (decoded)
			n_bad += !decoded_equal(t, plain, json_str(decoded), false, label);
		++*n_cases;
	}
	json_free(d);
	return n_bad;
}

static void run_model(void)
{
	struct fmt_err err = { 0 };
	struct fmt_view *v = fmt_view_open(folder, NULL, &err);
	struct infer_tok_check said = { 0 };
	struct infer_tokenizer *t;
	size_t n = 0;

	check(v, &err);
	assert_true(v->tokenizer_json.n);
	for (int keys = 0; keys < 2; keys++) {
		struct fmt_view seen = *v;

		if (keys) { /* what a GGUF shows that has nothing but the usual keys */
			check(infer_tok_check(v, false, &said, &err), &err);
			if (said.differs)
				continue; /* st2gguf leaves tokenizer.json in */
			seen.tokenizer_json = (struct fmt_str){ 0 };
		}
		t = infer_tokenizer_create(&seen, &err);
		check(t, &err);
		assert_int_equal(run_model_goldens(t, "tokenize.json", keys, &n) + run_model_goldens(t, "prompts.json", keys, &n),
		                 0);
		infer_tokenizer_destroy(t);
	}
	assert_true(n >= (said.differs ? 72 : 2 * 72));
	fmt_view_close(v);
}

static struct infer_tokenizer *open_file(void)
{
	char path[PATH_BYTES];
	struct fmt_err err = { 0 };
	struct infer_tokenizer *t;
	char *json;
	size_t n;

	snprintf(path, sizeof path, "%s/tokenizer.json", folder);
	json = slurp(path, &n);
	t = infer_tokenizer_from_json(json, n, &err);
	check(t, &err);
	free(json);
	return t;
}

static void run_file(void)
{
	struct infer_tokenizer *t = open_file();
	size_t n = 0;

	assert_int_equal(run_model_goldens(t, "tokenize.json", false, &n) + run_model_goldens(t, "prompts.json", false, &n), 0);
	assert_true(n >= 72);
	infer_tokenizer_destroy(t);
}

static bool is_name(const struct json *j, const struct json *other)
{
	return fmt_str_eq(json_str(json_get(j, "name")), json_str(json_get(other, "name")));
}

/* Decoding of a case's ids: decoded is a string, or true where it equals the text. */
static bool check_decoded(const struct infer_tokenizer *t, const struct json *result, struct fmt_str text, const char *label)
{
	const struct json *ids = json_get(result, "ids"), *decoded = json_get(result, "decoded");
	const struct json *skip = json_get(result, "decoded_skip");
	struct fmt_str want = json_is(decoded, JSON_STRING) ? json_str(decoded) : text;

	return !decoded || (decoded_equal(t, ids, want, false, label) &&
	                    decoded_equal(t, ids, json_is(skip, JSON_STRING) ? json_str(skip) : want, true, label));
}

/* All cases as one text. */
static void append_case(char **all, size_t *n, struct fmt_str text)
{
	*all = realloc(*all, *n + text.n + 1);
	assert_non_null(*all);
	memcpy(*all + *n, text.p, text.n);
	*n += text.n;
}

/* The cases of cases.json against a list of results with the same names. Cases that are not UTF-8 are given as their
 * raw bytes; llama.cpp reads those otherwise, so they count for Hugging Face's goldens only. */
static void run_cases(const struct infer_tokenizer *t, const char *golden_path, bool hugging_face)
{
	char path[PATH_BYTES];
	struct json_doc *cases, *golden = open_json(golden_path);
	const struct json *c, *r = json_first(json_get(json_root(golden), "results"));
	size_t n = 0, n_bad = 0, n_all = 0;
	char *all = NULL;

	snprintf(path, sizeof path, "%s/tokenizers/cases.json", getenv("ASSAY_SHARED"));
	cases = open_json(path);
	for (c = json_first(json_get(json_root(cases), "cases")); c; c = json_next(c), r = json_next(r)) {
		struct fmt_str text = json_str(json_get(c, "text")), hex = json_str(json_get(c, "hex")), raw = text;
		const struct json *noparse = json_get(r, "ids_noparse"), *ids = json_get(r, "ids");
		char label[128], bytes[512];

		assert_true(is_name(c, r));
		if (hex.p && !hugging_face)
			continue;
		for (size_t i = 0; i < hex.n; i += 2) {
			char digits[3] = { hex.p[i], hex.p[i + 1] };

			bytes[i / 2] = (char)strtoul(digits, NULL, 16);
			raw = (struct fmt_str){ bytes, hex.n / 2 };
		}
		snprintf(label, sizeof label, "%.*s", (int)json_str(json_get(c, "name")).n, json_str(json_get(c, "name")).p);
		n_bad += !ids_equal(t, raw, ids, INFER_TOK_PARSE_SPECIAL, label);
		n_bad += !ids_equal(t, raw, json_get(r, "ids_special"), INFER_TOK_PARSE_SPECIAL | INFER_TOK_ADD_SPECIAL, label);
		n_bad += !ids_equal(t, raw, noparse ? noparse : ids, 0, label);
		if (hugging_face)
			n_bad += !check_decoded(t, r, text, label);
		append_case(&all, &n_all, raw);
		n++;
	}
	assert_true(n >= 84);
	same_in_parts(t, name, all, n_all, INFER_TOK_PARSE_SPECIAL);
	same_in_parts(t, name, all, n_all, INFER_TOK_ADD_SPECIAL);
	free(all);
	json_free(cases);
	json_free(golden);
	assert_int_equal(n_bad, 0);
}

static void run_tokenizer(void)
{
	struct infer_tokenizer *t = open_file();
	char path[PATH_BYTES];

	snprintf(path, sizeof path, "%s/golden.json", folder);
	run_cases(t, path, true);
	infer_tokenizer_destroy(t);
}

static void in_folder(char *to, const char *dir, const char *file)
{
	assert_true(snprintf(to, PATH_BYTES, "%s/%s", dir, file) < PATH_BYTES);
}

/* A model's directory of links to the tokenizer's files, with the config.json of a Llama that has as many rows. */
static void make_model(const char *dir, uint32_t rows)
{
	DIR *files = opendir(folder);
	char from[PATH_BYTES], to[PATH_BYTES];
	FILE *f;

	assert_non_null(files);
	for (struct dirent *e; (e = readdir(files));) {
		in_folder(from, folder, e->d_name);
		in_folder(to, dir, e->d_name);
		if (*e->d_name != '.')
			assert_int_equal(symlink(from, to), 0);
	}
	closedir(files);
	in_folder(to, dir, "config.json");
	f = fopen(to, "w");
	assert_non_null(f);
	fprintf(f, "{\"architectures\":[\"LlamaForCausalLM\"],\"model_type\":\"llama\",\"hidden_size\":8,\"intermediate_size\":8,"
	        "\"num_hidden_layers\":1,\"num_attention_heads\":1,\"vocab_size\":%u,\"max_position_embeddings\":8,"
	        "\"rms_norm_eps\":1e-5}\n", rows);
	assert_int_equal(fclose(f), 0);
}

static void remove_model(const char *dir)
{
	DIR *files = opendir(dir);
	char path[PATH_BYTES];

	assert_non_null(files);
	for (struct dirent *e; (e = readdir(files));) {
		in_folder(path, dir, e->d_name);
		if (*e->d_name != '.')
			assert_int_equal(unlink(path), 0);
	}
	closedir(files);
	assert_int_equal(rmdir(dir), 0);
}

/* The vocabulary that st2gguf writes gives Hugging Face's ids too. */
static void run_converted(void)
{
	char dir[] = "/tmp/assay-tokens-XXXXXX", gguf[PATH_BYTES], path[PATH_BYTES];
	struct infer_tokenizer *t = open_file();
	struct fmt_err err = { 0 };
	struct fmt_view *v;
	int status;
	pid_t pid;

	assert_non_null(mkdtemp(dir));
	make_model(dir, infer_n_tokens(t));
	infer_tokenizer_destroy(t);
	in_folder(gguf, dir, "out.gguf");
	pid = fork();
	if (!pid) {
		execl(st2gguf, st2gguf, "--quiet", "--vocab-only", dir, "-o", gguf, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && status == 0);
	v = fmt_view_open(gguf, NULL, &err);
	check(v, &err);
	t = infer_tokenizer_create(v, &err);
	check(t, &err);
	in_folder(path, folder, "golden.json");
	run_cases(t, path, true);
	infer_tokenizer_destroy(t);
	fmt_view_close(v);
	remove_model(dir);
}

/* llama.cpp's own vectors: texts parted by a line, ids a line each. */
static void run_vectors(const struct infer_tokenizer *t, const char *stem)
{
	static const char line[] = "\n__ggml_vocab_test__\n";
	char path[PATH_BYTES + 8];
	size_t n, n_out, n_bad = 0;
	char *inputs, *outputs, *at, *ids_at, *next;

	snprintf(path, sizeof path, "%s.inp", stem);
	inputs = slurp(path, &n);
	snprintf(path, sizeof path, "%s.out", stem);
	outputs = slurp(path, &n_out);
	for (at = inputs, ids_at = outputs; at < inputs + n && *ids_at; at = next, ids_at += strcspn(ids_at, "\n") + 1) {
		char *end = strstr(at, line), list[8192];
		struct fmt_err err = { 0 };
		struct json_doc *d;
		int len;

		next = end ? end + sizeof line - 1 : inputs + n;
		end = end ? end : inputs + n;
		len = snprintf(list, sizeof list, "[");
		for (const char *p = ids_at; *p && *p != '\n'; p++)
			if (*p != ' ' || len > 1)
				list[len++] = *p == ' ' ? ',' : *p;
		snprintf(list + len, sizeof list - (size_t)len, "]");
		d = json_parse(list, strlen(list), &err);
		check(d, &err);
		n_bad += !ids_equal(t, (struct fmt_str){ at, (size_t)(end - at) }, json_root(d), 0, "vector");
		json_free(d);
	}
	free(inputs);
	free(outputs);
	assert_int_equal(n_bad, 0);
}

static void run_vocab(void)
{
	char path[PATH_BYTES];
	struct fmt_err err = { 0 };
	struct fmt_view *v;
	struct infer_tokenizer *t;

	snprintf(path, sizeof path, "%s/ggml-vocab-%s.gguf", folder, name);
	v = fmt_view_open(path, NULL, &err);
	check(v, &err);
	t = infer_tokenizer_create(v, &err);
	check(t, &err);
	run_vectors(t, path);
	snprintf(path, sizeof path, "%s/%s.cases.json", folder, name);
	run_cases(t, path, false);
	infer_tokenizer_destroy(t);
	fmt_view_close(v);
}

static void golden(void **state)
{
	(void)state;
	if (!strcmp(kind, "models"))
		run_model();
	else if (!strcmp(kind, "files"))
		run_file();
	else if (!strcmp(kind, "tokenizers"))
		run_tokenizer();
	else if (!strcmp(kind, "converted"))
		run_converted();
	else
		run_vocab();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(golden) };
	const char *shared = getenv("ASSAY_SHARED");

	if (argc < 3 || argc > 4 || !shared)
		return 1;
	kind = argv[1];
	name = argv[2];
	st2gguf = argv[3]; /* NULL but for `converted` */
	if (!strcmp(kind, "vocab"))
		snprintf(folder, sizeof folder, "%s/tokenizers/vocab-gguf", shared);
	else
		snprintf(folder, sizeof folder, "%s/%s/%s", shared, !strcmp(kind, "files") ? "models" : !strcmp(kind, "converted") ? "tokenizers" : kind, name);
	if (access(folder, R_OK)) {
		printf("skipped: no %s\n", folder);
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
