/* Counts and caches against the truths that transformers gives for real config.json files, and what must be refused.
 * Truth: ../shared/configs/truth, made with the models of transformers on a device without storage. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/estimate.h>
#include <libfmt/json.h>

static char *read_file(const char *path, size_t *n)
{
	FILE *f = fopen(path, "rb");
	char *text = malloc(1 << 22);

	assert_non_null(f);
	assert_non_null(text);
	*n = fread(text, 1, 1 << 22, f);
	fclose(f);
	return text;
}

static const struct json *member(const struct json *j, const char *key)
{
	const struct json *m = json_get(j, key);

	if (!m)
		fail_msg("the truth has no %s", key);
	return m;
}

static uint64_t number(const struct json *j, const char *key)
{
	uint64_t n = 0;

	if (!json_u64(member(j, key), &n))
		fail_msg("%s is no number", key);
	return n;
}

static void equal(const char *model, const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		fail_msg("%s, %s: %llu, not %llu", model, what, (unsigned long long)got, (unsigned long long)want);
}

/* Every component of the truth, and none besides. */
static void check_shares(const char *model, const struct fmt_estimate *e, const struct json *truth)
{
	for (int s = 0; s < FMT_SHARE_COUNT; s++) {
		const char *name = fmt_share_name((enum fmt_share)s);
		uint64_t want = 0;

		json_u64(json_get(truth, name), &want);
		equal(model, name, e->by_share[s], want);
	}
}

static void check_parameters(const char *model, const struct fmt_estimate *e, const struct json *truth)
{
	const struct json *p = member(truth, "parameters"), *lora = member(member(truth, "lora"), "trainable");
	const struct json *next = json_get(truth, "multi_token_prediction");
	uint64_t qv = 0;
	bool tied = false;

	equal(model, "total", e->total, number(p, "total"));
	equal(model, "active", e->active, number(p, "active"));
	equal(model, "active_without_input_embedding", e->active_without_input_embedding,
	      number(p, "active_without_input_embedding"));
	equal(model, "non_embedding", e->non_embedding, number(p, "non_embedding"));
	equal(model, "experts", e->n_experts, number(p, "experts"));
	equal(model, "experts_per_token", e->n_experts_used, number(p, "experts_per_token"));
	assert_true(json_bool(member(p, "tied_embeddings"), &tied));
	equal(model, "tied", e->tied, tied);
	equal(model, "other_modality is known", e->other.known, true);
	equal(model, "other_modality", e->other.params, number(p, "other_modality"));
	equal(model, "total_with_other_modality", e->total_with_other, number(p, "total_with_other_modality"));
	check_shares(model, e, member(p, "by_component"));
	equal(model, "multi_token_prediction", e->next_params, next ? number(next, "parameters") : 0);
	equal(model, "lora", 16 * e->lora_linear, number(lora, "all_linear_but_experts_router_head"));
	json_u64(json_get(lora, "q_proj_v_proj"), &qv);
	equal(model, "lora q v", 16 * e->lora_qv, qv);
}

/* All contexts of one policy; the names of the contexts are their numbers. */
static void check_policy(const char *model, const struct fmt_estimate *e, const struct json *truth, enum fmt_keep keep)
{
	unsigned n = 0;

	for (const struct json *j = json_first(member(truth, fmt_keep_name(keep))); j; j = json_next(j), n++) {
		struct fmt_cache_opts o = { .keep = keep, .type = FMT_BF16, .sequences = 1 };
		struct fmt_err err = { .code = FMT_OK };
		uint64_t want = 0, kv = 0, state = 0;
		char name[32];

		snprintf(name, sizeof name, "%.*s", (int)json_key(j).n, json_key(j).p);
		o.context = strtoull(name, NULL, 10);
		assert_true(json_u64(j, &want));
		if (!fmt_estimate_cache(e, &o, &kv, &state, &err))
			fail_msg("%s: %s", model, err.msg);
		equal(model, name, kv, want);
	}
	assert_int_equal(n, 4);
}

static void check_cache(const char *model, const struct fmt_estimate *e, const struct json *truth)
{
	const struct json *kv = member(truth, "kv_cache"), *state = json_get(kv, "recurrent_state");
	uint64_t n_attention = 0, n_windows = 0, window = 0, want_window = 0, elems = 0, beyond = 0, kept = 0, states = 0;
	struct fmt_cache_opts o = { .type = FMT_F16, .context = 1, .sequences = 1 };
	struct fmt_err err = { .code = FMT_OK };

	for (uint64_t i = 0; i < e->n_layers; i++) {
		n_attention += fmt_layer_attends(&e->layers[i]);
		n_windows += e->layers[i].window != 0;
		window = e->layers[i].window ? e->layers[i].window : window;
	}
	equal(model, "attention_layers", n_attention, number(kv, "attention_layers"));
	equal(model, "windowed_layers", n_windows, number(kv, "windowed_layers"));
	json_u64(json_get(kv, "window"), &want_window);
	equal(model, "window", window, want_window);
	assert_true(fmt_estimate_per_token(e, &elems, &beyond, &err));
	equal(model, "elements_per_token", elems, number(kv, "elements_per_token_all_layers"));
	equal(model, "beyond_window", 2 * beyond, number(kv, "bytes_per_token_bf16_beyond_window"));
	check_policy(model, e, member(kv, "bytes_bf16"), FMT_KEEP_IDEAL);
	check_policy(model, e, member(kv, "bytes_bf16"), FMT_KEEP_NO_WINDOW);
	assert_true(fmt_estimate_cache(e, &o, &kept, &states, &err));
	equal(model, "state", states, state ? number(state, "bytes_all_f32_kernel_minus_1") : 0);
}

/* returns false if the architecture is not described */
static bool check_model(const char *shared, const char *name)
{
	struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_estimate e = { .total = 0 };
	struct json_doc *truth;
	struct fmt_view *v;
	char path[600];
	size_t n = 0;
	char *text;

	snprintf(path, sizeof path, "%s/configs/%s", shared, name);
	v = fmt_view_open(path, &opts, &err);
	if (!v && err.code == FMT_UNSUPPORTED && strstr(err.msg, "unknown architecture")) {
		print_message("[ SKIPPED ] %s: %s\n", name, err.msg);
		return false;
	}
	if (!v || !fmt_estimate_init(&e, v, &err))
		fail_msg("%s: %s", name, err.msg);
	snprintf(path, sizeof path, "%s/configs/truth/%s", shared, name);
	text = read_file(path, &n);
	truth = json_parse(text, n, &err);
	assert_non_null(truth);
	check_parameters(name, &e, json_root(truth));
	check_cache(name, &e, json_root(truth));
	fmt_estimate_finish(&e);
	fmt_view_close(v);
	json_free(truth);
	free(text);
	return true;
}

static void equals_the_truths(void **state)
{
	const char *shared = getenv("ASSAY_SHARED");
	char path[512];
	struct dirent *d;
	unsigned checked = 0;
	DIR *dir;

	(void)state;
	snprintf(path, sizeof path, "%s/configs", shared ? shared : "");
	dir = shared ? opendir(path) : NULL;
	if (!dir)
		skip();
	while ((d = readdir(dir)))
		if (strlen(d->d_name) > 5 && !strcmp(d->d_name + strlen(d->d_name) - 5, ".json"))
			checked += check_model(shared, d->d_name);
	closedir(dir);
	assert_true(checked >= 26);
}

/* A config.json of a test, written to a file of its own. */
static struct fmt_view *open_config(const char *text, struct fmt_err *err)
{
	struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	char path[] = "/tmp/assay-estimate-XXXXXX";
	int fd = mkstemp(path);
	struct fmt_view *v;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	v = fmt_view_open(path, &opts, err);
	unlink(path);
	return v;
}

static void refused(const char *text, enum fmt_code code, const char *words)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v = open_config(text, &err);

	if (v || err.code != code || !strstr(err.msg, words))
		fail_msg("%s: code %d, '%s'", text, err.code, err.msg);
}

static void bad_numbers_are_refused_by_their_key(void **state)
{
	(void)state;
	refused("[1]", FMT_MALFORMED, "config.json");
	refused("{}", FMT_UNSUPPORTED, "neither a class");
	refused("{\"model_type\": \"qwen2\", \"hidden_size\": -1}", FMT_MALFORMED, "hidden_size");
	refused("{\"model_type\": \"qwen2\", \"hidden_size\": 2.5}", FMT_MALFORMED, "hidden_size");
	refused("{\"model_type\": \"qwen2\", \"hidden_size\": \"8\"}", FMT_MALFORMED, "hidden_size");
	refused("{\"model_type\": \"qwen2\", \"num_hidden_layers\": 1000000000000000000}", FMT_LIMIT, "num_hidden_layers");
	refused("{\"model_type\": \"qwen2\", \"num_hidden_layers\": 0}", FMT_LIMIT, "num_hidden_layers");
	refused("{\"model_type\": \"qwen2\", \"num_key_value_heads\": 5}", FMT_MISMATCH, "num_key_value_heads");
	refused("{\"model_type\": \"qwen2\", \"num_attention_heads\": 31, \"num_key_value_heads\": 31}", FMT_MISMATCH, "head_dim");
	refused("{\"model_type\": \"mixtral\", \"num_experts_per_tok\": 9}", FMT_MISMATCH, "num_experts_per_tok");
	refused("{\"model_type\": \"mixtral\", \"num_local_experts\": 0}", FMT_LIMIT, "num_local_experts");
	refused("{\"model_type\": \"gemma2\", \"use_bidirectional_attention\": true}", FMT_UNSUPPORTED, "use_bidirectional_attention");
	refused("{\"model_type\": \"gemma2\", \"layer_types\": [\"full_attention\"]}", FMT_MISMATCH, "layer_types");
	refused("{\"model_type\": \"gemma2\", \"num_hidden_layers\": 1, \"layer_types\": [\"odd\"]}", FMT_UNSUPPORTED, "'odd'");
	refused("{\"model_type\": \"qwen3_moe\", \"mlp_only_layers\": [24]}", FMT_MALFORMED, "mlp_only_layers");
	refused("{\"model_type\": \"mamba\", \"time_step_rank\": 4, \"hidden_size\": 1048576}", FMT_LIMIT, "2097152");
}

/* The largest numbers that every key allows: sums past 64 bits are an error, not a small number. */
static void nothing_overflows(void **state)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_estimate e = { .total = 0 };
	struct fmt_view *v = open_config("{\"model_type\": \"qwen3_moe\", \"num_hidden_layers\": 4096, \"hidden_size\": 1048576, "
	                                 "\"moe_intermediate_size\": 1048576, \"num_experts\": 65536}", &err);

	(void)state;
	assert_non_null(v);
	assert_false(fmt_estimate_init(&e, v, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	fmt_estimate_finish(&e);
	fmt_view_close(v);
}

/* Cells of llama.cpp: multiples of 256, and window + ubatch of them where it has the window. */
static void llama_cpp_pads_cells(void **state)
{
	struct fmt_cache_opts o = { .keep = FMT_KEEP_LLAMA_CPP, .type = FMT_F16, .context = 8000, .ubatch = 512, .sequences = 1 };
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_estimate e = { .total = 0 };
	struct fmt_view *v = open_config("{\"model_type\": \"gemma2\", \"num_hidden_layers\": 2, \"sliding_window\": 1024}", &err);
	uint64_t kv = 0, rest = 0, row = 2 * 4 * 256 * 2;

	(void)state;
	assert_non_null(v);
	assert_true(fmt_estimate_init(&e, v, &err));
	assert_true(fmt_estimate_cache(&e, &o, &kv, &rest, &err));
	assert_int_equal(kv, row * (8192 + 1536));
	o.ubatch = 2048;
	assert_true(fmt_estimate_cache(&e, &o, &kv, &rest, &err));
	assert_int_equal(kv, row * (8192 + 3072));
	o.type = FMT_Q8_0; /* 34 bytes for 32 elements */
	assert_true(fmt_estimate_cache(&e, &o, &kv, &rest, &err));
	assert_int_equal(kv, row / 64 * 34 * (8192 + 3072));
	o.context = UINT64_MAX;
	assert_false(fmt_estimate_cache(&e, &o, &kv, &rest, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	fmt_estimate_finish(&e);
	fmt_view_close(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_the_truths),
		cmocka_unit_test(bad_numbers_are_refused_by_their_key),
		cmocka_unit_test(nothing_overflows),
		cmocka_unit_test(llama_cpp_pads_cells),
	};

	return cmocka_run_group_tests_name("estimate", tests, NULL, NULL);
}
