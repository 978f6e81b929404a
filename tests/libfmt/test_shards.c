/* The index of a sharded checkpoint: which files it may name, and what must be in them. The shards are files of 65 bytes
 * or so that are made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "shards.h"

static char dir[64];

static const char *in_dir(const char *name)
{
	static char path[128];

	snprintf(path, sizeof path, "%s/%s", dir, name);
	return path;
}

static void save(const char *name, const void *p, size_t n)
{
	FILE *f = fopen(in_dir(name), "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

/* A safetensors file of two tensors of a byte. */
static void save_shard(const char *name, const char *a, const char *b)
{
	char file[256] = { 0 };
	int n = snprintf(file + 8, sizeof file - 8,
	                 "{\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
	                 "\"%s\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]}}xy", a, b);

	file[0] = (char)(n - 2);
	save(name, file, (size_t)n + 8);
}

static struct fmt_model *open_map(const char *map, struct shards_extra *extra, struct fmt_err *err)
{
	char text[1024];
	int n = snprintf(text, sizeof text, "{\"metadata\": {\"total_size\": 4}, \"weight_map\": %s}", map);

	save("index.json", text, (size_t)n);
	*err = (struct fmt_err){ 0 };
	return shards_open(dir, "index.json", extra, err);
}

static int make_dir(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(dir, sizeof dir, "%s/assay-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
	if (!mkdtemp(dir))
		return 1;
	save_shard("1.st", "a", "b");
	save_shard("2.st", "c", "d");
	save_shard("3.st", "a", "e");
	save("fake.st", "not a model", 11);
	if (mkdir(in_dir("folder"), 0700) || mkfifo(in_dir("pipe"), 0600))
		return 1;
	return symlink("1.st", in_dir("link.st"));
}

static int remove_dir(void **state)
{
	static const char *const names[] = { "1.st", "2.st", "3.st", "fake.st", "pipe", "link.st", "index.json" };

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		unlink(in_dir(names[i]));
	rmdir(in_dir("folder"));
	return rmdir(dir);
}

static void good(void **state)
{
	struct shards_extra extra;
	struct fmt_err err;
	struct fmt_model *m = open_map("{\"a\": \"1.st\", \"d\": \"2.st\", \"c\": \"2.st\"}", &extra, &err);

	(void)state;
	if (!m)
		fail_msg("%s", err.msg);
	assert_int_equal(m->n_files, 2);
	assert_int_equal(m->n_tensors, 4);
	assert_int_equal(extra.n, 1); /* b is in 1.st, but not in the map */
	assert_true(fmt_str_is(extra.first, "b"));
	assert_int_equal(fmt_model_find(m, FMT_STR("d"))->file, 1);
	fmt_model_close(m);
	m = open_map("{\"a\": \"link.st\"}", NULL, &err); /* as in Hugging Face's cache */
	assert_non_null(m);
	fmt_model_close(m);
}

static void bad(void **state)
{
	static const struct {
		const char *map;
		enum fmt_code code;
		const char *text;
	} cases[] = {
		{ "{\"a\": \"1.st\", \"x\": \"4.st\"}", FMT_MISSING, "shard '4.st', which holds tensor 'x'" },
		{ "{\"a\": \"2.st\"}", FMT_MISMATCH, "tensor 'a' is not in '2.st'" },
		{ "{\"a\": \"1.st\", \"c\": \"1.st\", \"d\": \"2.st\"}", FMT_MISMATCH, "tensor 'c' is not in '1.st'" },
		{ "{\"a\": \"1.st\", \"e\": \"3.st\"}", FMT_MALFORMED, "tensor 'a' is there twice" },
		{ "{\"a\": \"1.st\", \"a\": \"1.st\"}", FMT_MALFORMED, "tensor 'a' twice" },
		{ "{\"a\": \"../1.st\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"..\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"/etc/passwd\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"folder/1.st\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"folder\\\\1.st\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"C:1.st\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"1.st\\u0000.bin\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"\"}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": 1}", FMT_UNSAFE, "not the name of a file" },
		{ "{\"a\": \"folder\"}", FMT_UNSAFE, "not a regular file" },
		{ "{\"a\": \"pipe\"}", FMT_UNSAFE, "not a regular file" },
		{ "{\"a\": \"fake.st\"}", FMT_UNSUPPORTED, "not a model file" },
		{ "{}", FMT_MALFORMED, "no weight_map" },
		{ "[\"1.st\"]", FMT_MALFORMED, "no weight_map" },
		{ "{\"a\": \"1.st\"", FMT_MALFORMED, "JSON" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct fmt_err err;
		struct fmt_model *m = open_map(cases[i].map, NULL, &err);

		if (m || (err.code != cases[i].code && err.code != FMT_TRUNCATED) || !strstr(err.msg, cases[i].text) ||
		    !err.file[0])
			fail_msg("%s: code %d: %s: %s", cases[i].map, (int)err.code, err.file, err.msg);
	}
}

static void no_index(void **state)
{
	struct fmt_err err = { 0 };

	(void)state;
	assert_null(shards_open(dir, "nothing.json", NULL, &err));
	assert_int_equal(err.code, FMT_MISSING);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(no_index),
	};

	return cmocka_run_group_tests_name("shards", tests, make_dir, remove_dir);
}
