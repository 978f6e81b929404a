/* llama.cpp's graph is laid out with layers alike passed over: that must change nothing. Layers made to differ in what the
 * graph does not look at are all laid out. Configs with up to three kinds of layers in turns of up to eight, then all of
 * ../shared/configs. */
#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/runtime.h>

static const struct fmt_runtime_opts settings[] = {
	{ .runtime = FMT_RUNTIME_LLAMA_CPP, .context = 4096 },
	{ .runtime = FMT_RUNTIME_LLAMA_CPP, .context = 131072, .flash = FMT_FLASH_OFF },
	{ .runtime = FMT_RUNTIME_LLAMA_CPP, .context = 1000, .ubatch = 64, .sequences = 3 },
	{ .runtime = FMT_RUNTIME_LLAMA_CPP_0_7, .context = 8192, .k_type = FMT_Q8_0, .v_type = FMT_Q8_0 },
};

/* Compute buffers in each setting; UINT64_MAX: refused. */
static void peaks(const struct fmt_estimate *e, uint64_t *out)
{
	for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
		struct fmt_runtime_opts o = settings[i];
		struct fmt_runtime_bytes b = { .compute = 0 };
		struct fmt_err err = { .code = FMT_OK };

		fmt_runtime_fill(&o);
		out[i] = fmt_runtime_bytes(e, &o, &b, &err) ? b.compute : UINT64_MAX;
	}
}

/* returns whether any setting could be worked out */
static bool check(const char *path)
{
	struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v = fmt_view_open(path, &opts, &err);
	struct fmt_estimate e = { .total = 0 };
	uint64_t some[4], all[4];
	bool known = false;

	if (!v)
		fail_msg("%s", err.msg);
	assert_true(fmt_estimate_init(&e, v, &err));
	if (e.layers_known) {
		peaks(&e, some);
		for (uint64_t i = 0; i < e.n_layers; i++)
			e.layers[i].params += i; /* no two alike now */
		peaks(&e, all);
		for (size_t i = 0; i < 4; i++) {
			if (some[i] != all[i])
				fail_msg("%s, setting %zu: %" PRIu64 " with layers passed over, %" PRIu64 " with all", path, i, some[i], all[i]);
			known = known || all[i] != UINT64_MAX;
		}
	}
	fmt_estimate_finish(&e);
	fmt_view_close(v);
	return known;
}

static bool check_text(const char *config)
{
	char path[] = "/tmp/assay-repeats-XXXXXX.json";
	int fd = mkstemps(path, 5);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	bool known;

	assert_non_null(f);
	fputs(config, f);
	fclose(f);
	known = check(path);
	remove(path);
	return known;
}

#define SIZES "\"hidden_size\": 128, \"intermediate_size\": 384, \"num_attention_heads\": 4, \"vocab_size\": 1000," \
	" \"max_position_embeddings\": 8192"

static void test_depths(void **state)
{
	char text[1024];

	(void)state;
	for (int n = 1; n <= 24; n++) {
		snprintf(text, sizeof text, "{\"model_type\": \"llama\", " SIZES ", \"num_hidden_layers\": %d}", n);
		assert_true(check_text(text));
	}
}

static void test_turns(void **state)
{
	char text[2048];

	(void)state;
	for (int turn = 2; turn <= 9; turn++)
		for (int n = turn; n <= 6 * turn + 1; n += turn + 1) {
			int at = snprintf(text, sizeof text, "{\"model_type\": \"qwen3_next\", " SIZES ", \"num_key_value_heads\": 2,"
			                  " \"head_dim\": 32, \"num_experts\": 4, \"num_experts_per_tok\": 2, \"moe_intermediate_size\": 64,"
			                  " \"shared_expert_intermediate_size\": 64, \"num_hidden_layers\": %d, \"layer_types\": [", n);

			for (int i = 0; i < n; i++)
				at += snprintf(text + at, sizeof text - (size_t)at, "%s\"%s_attention\"", i ? ", " : "",
				               i % turn == turn - 1 ? "full" : "linear");
			snprintf(text + at, sizeof text - (size_t)at, "]}");
			assert_true(check_text(text));
		}
}

static void test_shared(void **state)
{
	const char *shared = getenv("ASSAY_SHARED");
	char path[4096];
	DIR *dir;
	int known = 0;

	(void)state;
	snprintf(path, sizeof path, "%s/configs", shared ? shared : "");
	dir = shared ? opendir(path) : NULL;
	if (!dir)
		skip();
	for (struct dirent *d = readdir(dir); d; d = readdir(dir)) {
		if (strlen(d->d_name) < 5 || strcmp(d->d_name + strlen(d->d_name) - 5, ".json"))
			continue;
		snprintf(path, sizeof path, "%s/configs/%s", shared, d->d_name);
		known += check(path);
	}
	closedir(dir);
	assert_true(known >= 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_depths),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_shared),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
