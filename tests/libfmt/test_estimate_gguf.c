/* A GGUF's header says of a model what its config.json says: every config of ../shared/configs is written as a GGUF whose
 * contents are a hole, and counted from both. And what a header must not make us believe. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/estimate.h>
#include <libfmt/write.h>

static const struct fmt_view_opts plan = { .plan_only = true, .no_tokenizer = true };

static struct fmt_view *open_view(const char *path)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_view *v = fmt_view_open(path, &plan, &err);

	if (!v)
		fail_msg("%s: %s", path, err.msg);
	return v;
}

/* Keys and tensors; one key with another number. */
static void write_gguf(const struct fmt_view *v, const char *path, const char *key, uint64_t number)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_writer *w = fmt_writer_create(FMT_OUT_GGUF, &err);
	struct fmt_sink *s = fmt_sink_create(path, true, &err);
	uint64_t n_bytes = 0;
	uint32_t index;

	for (uint64_t i = 0; i < v->n_kv; i++) {
		struct fmt_kv kv = v->kv[i];

		if (key && fmt_str_is(kv.key, key))
			kv.value.as.u = number;
		assert_true(fmt_writer_kv(w, &kv, &err));
	}
	for (uint64_t i = 0; i < v->n_tensors; i++)
		assert_true(fmt_writer_tensor(w, v->tensors[i].name, v->tensors[i].type, v->tensors[i].n_dims, v->tensors[i].dims, &index,
		                              &err));
	assert_true(fmt_writer_layout(w, &n_bytes, &err));
	assert_true(fmt_writer_header(w, s, &err));
	assert_true(fmt_sink_commit(s, n_bytes, &err));
	fmt_writer_destroy(w);
}

static void same_layer(const char *name, uint64_t i, const struct fmt_layer *a, const struct fmt_layer *b)
{
	if (a->kind != b->kind || a->experts != b->experts || a->shared != b->shared || a->params != b->params ||
	    a->active != b->active || a->n_heads != b->n_heads || a->n_kv_heads != b->n_kv_heads || a->k_dim != b->k_dim ||
	    a->v_dim != b->v_dim || a->latent != b->latent || a->window != b->window || a->conv_elems != b->conv_elems ||
	    a->state_elems != b->state_elems || a->down_inputs != b->down_inputs || memcmp(a->rows, b->rows, sizeof a->rows))
		fail_msg("%s: layer %d differs: %s %s, heads %d %d of %d, %d, window %d %d, state %d %d + %d %d", name, (int)i,
		         fmt_layer_kind_name(a->kind), fmt_layer_kind_name(b->kind), (int)a->n_heads, (int)b->n_heads, (int)a->k_dim,
		         (int)b->k_dim, (int)a->window, (int)b->window, (int)a->state_elems, (int)b->state_elems, (int)a->conv_elems,
		         (int)b->conv_elems);
}

static void same_caches(const char *name, const struct fmt_estimate *a, const struct fmt_estimate *b)
{
	for (int keep = 0; keep < FMT_KEEP_COUNT; keep++)
		for (uint64_t context = 100; context < 1000000; context *= 7) {
			struct fmt_cache_opts o = { .keep = (enum fmt_keep)keep, .type = FMT_F16, .context = context, .ubatch = 512,
				.sequences = 2 };
			struct fmt_err err = { .code = FMT_OK };
			uint64_t kv[2] = { 0 }, state[2] = { 0 };

			assert_true(fmt_estimate_cache(a, &o, &kv[0], &state[0], &err));
			assert_true(fmt_estimate_cache(b, &o, &kv[1], &state[1], &err));
			if (kv[0] != kv[1] || state[0] != state[1])
				fail_msg("%s: caches differ at %d tokens", name, (int)context);
		}
}

static void compare(const char *name, const struct fmt_view *config, const struct fmt_view *gguf)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_estimate a, b;

	assert_true(fmt_estimate_init(&a, config, &err));
	assert_true(fmt_estimate_init(&b, gguf, &err));
	if (a.total != b.total || a.active != b.active || a.active_without_input_embedding != b.active_without_input_embedding ||
	    a.non_embedding != b.non_embedding || memcmp(a.by_share, b.by_share, sizeof a.by_share))
		fail_msg("%s: counts differ", name);
	assert_int_equal(a.n_experts, b.n_experts);
	assert_int_equal(a.n_experts_used, b.n_experts_used);
	assert_int_equal(a.lora_linear, b.lora_linear);
	assert_int_equal(a.vocab, b.vocab);
	assert_int_equal(a.model_width, b.model_width);
	assert_int_equal(a.tied, b.tied);
	assert_int_equal(a.own_windows, b.own_windows);
	assert_int_equal(a.repeated_heads, b.repeated_heads);
	assert_true(b.layers_known);
	assert_int_equal(a.n_layers, b.n_layers);
	for (uint64_t i = 0; i < a.n_layers; i++)
		same_layer(name, i, &a.layers[i], &b.layers[i]);
	same_caches(name, &a, &b);
	fmt_estimate_finish(&a);
	fmt_estimate_finish(&b);
}

static bool check_config(const char *shared, const char *name)
{
	char path[512], out[] = "/tmp/assay-estimate-XXXXXX";
	struct fmt_view *config, *gguf;
	int fd;

	snprintf(path, sizeof path, "%s/configs/%s", shared, name);
	config = open_view(path);
	if (config->counted_only) { /* its keys are not described */
		fmt_view_close(config);
		return false;
	}
	fd = mkstemp(out);
	assert_true(fd >= 0);
	close(fd);
	write_gguf(config, out, NULL, 0);
	gguf = open_view(out);
	compare(name, config, gguf);
	fmt_view_close(gguf);
	fmt_view_close(config);
	unlink(out);
	return true;
}

static void equals_its_config(void **state)
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
			checked += check_config(shared, d->d_name);
	closedir(dir);
	assert_true(checked >= 21);
}

static const char tiny[] =
	"{\"model_type\": \"mixtral\", \"num_hidden_layers\": 2, \"hidden_size\": 64, \"intermediate_size\": 64, \"vocab_size\": 64, "
	"\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"num_local_experts\": 4}";

static void bad_keys_are_refused(void **state)
{
	static const struct {
		const char *key;
		uint64_t is;
		const char *words;
	} bad[] = {
		{ "llama.block_count", 100000, "block_count" },
		{ "llama.embedding_length", 1 << 30, "embedding_length" },
		{ "llama.attention.head_count", UINT32_MAX, "head_count" },
		{ "llama.attention.head_count_kv", UINT32_MAX, "head_count_kv" },
		{ "llama.expert_count", UINT32_MAX, "expert_count" },
		{ "llama.expert_used_count", 5, "expert_used_count" },
	};
	char path[] = "/tmp/assay-estimate-XXXXXX", out[] = "/tmp/assay-estimate-XXXXXX";
	int fd = mkstemp(path), fd_out = mkstemp(out);
	struct fmt_view *config;

	(void)state;
	assert_int_equal(write(fd, tiny, sizeof tiny - 1), sizeof tiny - 1);
	close(fd);
	close(fd_out);
	config = open_view(path);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fmt_err err = { .code = FMT_OK };
		struct fmt_estimate e;
		struct fmt_view *v;

		write_gguf(config, out, bad[i].key, bad[i].is);
		v = open_view(out);
		if (fmt_estimate_init(&e, v, &err) || !strstr(err.msg, bad[i].words))
			fail_msg("%s: '%s'", bad[i].key, err.msg);
		fmt_estimate_finish(&e);
		fmt_view_close(v);
	}
	fmt_view_close(config);
	unlink(path);
	unlink(out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equals_its_config),
		cmocka_unit_test(bad_keys_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
