/* Bounds of speed against products worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/speed.h>

static struct fmt_view *open_text(const char *text, struct fmt_estimate *e)
{
	struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	struct fmt_err err = { .code = FMT_OK };
	char path[] = "/tmp/assay-speed-XXXXXX";
	int fd = mkstemp(path);
	struct fmt_view *v;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	v = fmt_view_open(path, &opts, &err);
	unlink(path);
	if (!v || !fmt_estimate_init(e, v, &err))
		fail_msg("%s", err.msg);
	return v;
}

/* Bytes of a token with every tensor in two bytes. */
static uint64_t token_bytes(const struct fmt_estimate *e, const struct fmt_view *v)
{
	uint64_t n = 0;

	for (uint64_t i = 0; i < v->n_tensors; i++)
		n += fmt_speed_tensor_bytes(e, &v->tensors[i], 2 * v->tensors[i].n_elems);
	return n;
}

static void a_dense_model(void **state)
{
	struct fmt_cache_opts o = { .keep = FMT_KEEP_NO_WINDOW, .type = FMT_F16, .context = 8192, .sequences = 7 };
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_estimate e;
	struct fmt_view *v = open_text("{\"model_type\": \"llama\", \"hidden_size\": 4096, \"intermediate_size\": 14336, "
	                               "\"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"vocab_size\": 128256}", &e);
	uint64_t table = UINT64_C(128256) * 4096, layers = UINT64_C(8030261248) - 2 * table, weights = token_bytes(&e, v);
	struct fmt_prompt p;
	struct fmt_step s;

	(void)state;
	assert_int_equal(weights, 2 * (layers + table + 4096));
	assert_true(fmt_speed_step(&e, weights, &o, &s, &err));
	assert_int_equal(s.cache, 8192 * 131072); /* one sequence: 2 x 8 x 128 x 32 x 2 bytes per token */
	assert_int_equal(s.state, 0);
	assert_int_equal(s.total, weights + s.cache);
	fmt_speed_prompt(&e, v, 100, &p);
	assert_true(p.linear == 200.0 * (double)layers);
	assert_true(p.attention == 32.0 * 2 * 32 * 256 * 5050);
	assert_true(p.output == 2.0 * (double)table);
	assert_true(p.total == p.linear + p.attention + p.output);
	o.context = UINT64_MAX;
	assert_false(fmt_speed_step(&e, weights, &o, &s, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	fmt_estimate_finish(&e);
	fmt_view_close(v);
}

/* Two of eight experts; one table for both ends, so that it is read whole and one row once more. */
static void experts_and_a_tied_table(void **state)
{
	struct fmt_estimate e;
	struct fmt_view *v = open_text("{\"model_type\": \"mixtral\", \"num_hidden_layers\": 2, \"hidden_size\": 64, "
	                               "\"intermediate_size\": 96, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, "
	                               "\"vocab_size\": 512, \"tie_word_embeddings\": true}", &e);
	uint64_t layer = 2 * 64 * 64 + 2 * 32 * 64 + 8 * 64 + 2 * 64 + 2 * 3 * 64 * 96;

	(void)state;
	assert_int_equal(token_bytes(&e, v), 2 * (2 * layer + 64 + 512 * 64 + 64));
	fmt_estimate_finish(&e);
	fmt_view_close(v);
}

/* A window bounds the pairs and the cache that is read; a state is read and written. */
static void windows_and_states(void **state)
{
	struct fmt_cache_opts o = { .keep = FMT_KEEP_NO_WINDOW, .type = FMT_F16, .context = 1000, .sequences = 1 };
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_estimate e;
	struct fmt_view *v = open_text("{\"model_type\": \"gemma2\", \"num_hidden_layers\": 2, \"sliding_window\": 10}", &e);
	uint64_t kv = 0, kept = 0;
	struct fmt_prompt p;
	struct fmt_step s;

	(void)state;
	fmt_speed_prompt(&e, v, 1000, &p);
	assert_true(p.attention == 2.0 * 8 * 512 * (500500 + 55 + 990 * 10));
	assert_true(fmt_speed_step(&e, 1, &o, &s, &err));
	assert_int_equal(s.cache, (1000 + 10) * 2 * 4 * 256 * 2);
	fmt_estimate_finish(&e);
	fmt_view_close(v);
	v = open_text("{\"model_type\": \"mamba\", \"time_step_rank\": 48}", &e);
	assert_true(fmt_estimate_cache(&e, &o, &kv, &kept, &err));
	assert_true(fmt_speed_step(&e, 1, &o, &s, &err));
	assert_true(kept > 0);
	assert_int_equal(s.state, 2 * kept);
	fmt_estimate_finish(&e);
	fmt_view_close(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_dense_model),
		cmocka_unit_test(experts_and_a_tied_table),
		cmocka_unit_test(windows_and_states),
	};

	return cmocka_run_group_tests_name("speed", tests, NULL, NULL);
}
