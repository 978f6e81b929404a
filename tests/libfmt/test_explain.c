/* Where numbers come from: keys, rules for those that are not there, shapes in words, tensors by kind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/explain.h>

/* A view of a config.json; the file is gone when it returns. */
static struct fmt_view *open_text(const char *text)
{
	const struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	char path[] = "/tmp/explain.XXXXXX";
	struct fmt_err err = { .code = FMT_OK };
	int fd = mkstemp(path);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
	struct fmt_view *v;

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	v = fmt_view_open(path, &opts, &err);
	unlink(path);
	if (!v)
		fail_msg("%s", err.msg);
	return v;
}

static struct fmt_origin find(const struct fmt_view *v, const char *key, unsigned *at)
{
	struct fmt_origin o = { .unset = true };

	for (*at = 0; fmt_origin_get(v, *at, &o); ++*at)
		if (fmt_str_is(o.key, key))
			return o;
	fail_msg("%s is not among the numbers", key);
	return o;
}

static void check(const struct fmt_view *v, const char *key, enum fmt_given given, uint64_t value, const char *rule)
{
	unsigned at;
	struct fmt_origin o = find(v, key, &at);

	assert_int_equal(o.given, given);
	assert_int_equal(o.value, value);
	assert_string_equal(o.rule, rule);
}

static void given_absent_and_null(void **state)
{
	struct fmt_view *v = open_text("{\"model_type\": \"llama\", \"hidden_size\": 2048, \"num_key_value_heads\": null, "
	                               "\"text_config\": {\"num_attention_heads\": 16}}");
	struct fmt_origin o;

	(void)state;
	check(v, "hidden_size", FMT_GIVEN, 2048, "");
	check(v, "num_attention_heads", FMT_GIVEN, 16, "");
	check(v, "num_key_value_heads", FMT_NULL, 16, "num_attention_heads");
	check(v, "head_dim", FMT_ABSENT, 128, "hidden_size / num_attention_heads");
	check(v, "num_hidden_layers", FMT_ABSENT, 32, "transformers' default of llama");
	assert_false(fmt_origin_get(v, FMT_MAX_ORIGINS, &o));
	fmt_view_close(v);
}

/* A shape in words names what it rests on, the condition of its tensor too. */
static void shapes_in_words(void **state)
{
	struct fmt_view *v = open_text("{\"model_type\": \"deepseek_v2\", \"num_experts_per_tok\": 6, \"q_lora_rank\": null}");
	const struct fmt_view_tensor *t = fmt_view_find(v, FMT_STR("blk.0.attn_v_b.weight"));
	struct fmt_origin_set used = { { 0 } };
	char text[FMT_TERMS_BYTES];
	unsigned at;

	(void)state;
	assert_non_null(t);
	assert_string_equal(fmt_explain_dim(v, t, 0, text, &used), "num_attention_heads");
	assert_string_equal(fmt_explain_dim(v, t, 1, text, &used), "v_head_dim");
	assert_string_equal(fmt_explain_dim(v, t, 2, text, &used), "kv_lora_rank");
	find(v, "v_head_dim", &at);
	assert_true(fmt_origin_in(&used, at));
	find(v, "q_lora_rank", &at);
	assert_false(fmt_origin_in(&used, at));

	t = fmt_view_find(v, FMT_STR("blk.0.attn_q.weight"));
	assert_non_null(t);
	assert_string_equal(fmt_explain_dim(v, t, 0, text, &used), "num_attention_heads x (qk_nope_head_dim + qk_rope_head_dim)");
	assert_true(fmt_origin_in(&used, at));

	assert_string_equal(fmt_explain_number(v, FMT_NUMBER_LATENT, text, &used), "kv_lora_rank + qk_rope_head_dim");
	assert_string_equal(fmt_explain_number(v, FMT_NUMBER_WINDOW, text, &used), "");
	fmt_view_close(v);
}

/* Equal but for the layer is one kind; what passes the ceiling stands together, and nothing is lost. */
static void kinds(void **state)
{
	enum { KINDS = FMT_MAX_KINDS + 10 };
	static struct fmt_view_tensor tensors[2 * KINDS];
	static char names[2 * KINDS][32];
	struct fmt_view v = { .tensors = tensors, .n_tensors = 2 * KINDS };
	struct fmt_estimate e = { .total = 0 };
	struct fmt_tensor_kinds k;
	struct fmt_err err = { .code = FMT_OK };

	(void)state;
	for (uint64_t i = 0; i < 2 * KINDS; i++) {
		snprintf(names[i], sizeof names[i], "blk.%u.w%c%c.weight", i < KINDS ? 3u : 14u, 'a' + (int)(i % KINDS / 20),
		         'a' + (int)(i % KINDS % 20));
		tensors[i] = (struct fmt_view_tensor){ .name = { names[i], strlen(names[i]) }, .part = FMT_PART_OTHER,
			                               .layer = i < KINDS ? 3 : 14, .n_dims = 1, .dims = { 7 }, .n_elems = 7 };
	}
	assert_true(fmt_tensor_kinds_init(&k, &v, &e, &err));
	assert_int_equal(k.n, FMT_MAX_KINDS);
	for (size_t i = 0; i < k.n; i++)
		assert_int_equal(k.kinds[i].n_tensors, 2);
	assert_true(fmt_str_is(k.kinds[0].name, "waa.weight"));
	assert_int_equal(k.others[FMT_SHARE_OTHER], 2 * 10 * 7);
	fmt_tensor_kinds_finish(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(given_absent_and_null),
		cmocka_unit_test(shapes_in_words),
		cmocka_unit_test(kinds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
