/* Training against published figures: 16 and 18 bytes per parameter, DeepSpeed's estimators, the terms of
 * arXiv:2205.05198, what PyTorch saved in a small model, and the adapters that transformers' models take. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include <libfmt/json.h>
#include <libfmt/train.h>

#define LLAMA_8B                                                                                                       \
	"{\"model_type\": \"llama\", \"hidden_size\": 4096, \"intermediate_size\": 14336, \"num_hidden_layers\": 32, "      \
	"\"num_attention_heads\": 32, \"num_key_value_heads\": 8, \"vocab_size\": 128256}"
#define P8B UINT64_C(8030261248)
#define TINY                                                                                                           \
	"{\"model_type\": \"llama\", \"hidden_size\": 64, \"intermediate_size\": 160, \"num_hidden_layers\": 3, "           \
	"\"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"vocab_size\": 512}"

struct model {
	struct fmt_view *v;
	struct fmt_estimate e;
};

static struct model open_path(const char *path)
{
	struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	struct fmt_err err = { .code = FMT_OK };
	struct model m = { .v = fmt_view_open(path, &opts, &err) };

	if (!m.v || !fmt_estimate_init(&m.e, m.v, &err))
		fail_msg("%s: %s", path, err.msg);
	return m;
}

static struct model open_text(const char *text)
{
	char path[] = "/tmp/assay-train-XXXXXX";
	int fd = mkstemp(path);
	struct model m;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
	m = open_path(path);
	unlink(path);
	return m;
}

static void close_model(struct model *m)
{
	fmt_estimate_finish(&m->e);
	fmt_view_close(m->v);
}

static const struct fmt_train_opts usual = {
	.precision = FMT_BF16, .devices = 1, .micro_batch = 1, .seq = 2048, .rank = 16, .targets = "all",
};

static struct fmt_train run(const struct model *m, const struct fmt_train_opts *o)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_train t;

	if (!fmt_train(&m->e, m->v, o, &t, &err))
		fail_msg("%s", err.msg);
	return t;
}

static uint64_t model_states(const struct fmt_train *t)
{
	return t->device[FMT_TRAIN_WEIGHTS] + t->device[FMT_TRAIN_GRADIENTS] + t->device[FMT_TRAIN_MASTER] +
	       t->device[FMT_TRAIN_STATES];
}

static void full_takes_16_bytes_per_parameter(void **state)
{
	struct model m = open_text(LLAMA_8B);
	struct fmt_train_opts o = usual;
	struct fmt_train t = run(&m, &o);
	uint64_t sum = 0;

	(void)state;
	assert_int_equal(t.trainable, P8B);
	assert_int_equal(t.device[FMT_TRAIN_WEIGHTS], 2 * P8B);
	assert_int_equal(t.device[FMT_TRAIN_GRADIENTS], 2 * P8B);
	assert_int_equal(t.device[FMT_TRAIN_MASTER], 4 * P8B);
	assert_int_equal(t.device[FMT_TRAIN_STATES], 8 * P8B);
	assert_int_equal(t.device[FMT_TRAIN_LOGITS], UINT64_C(2048) * 8 * 128256);
	for (int p = 0; p < FMT_TRAIN_PART_COUNT; p++)
		sum += t.device[p];
	assert_int_equal(t.device_total, sum);
	o.precision = FMT_F32;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 16 * P8B);
	assert_int_equal(t.device[FMT_TRAIN_MASTER], 0);
	o.optimizer = FMT_OPT_SGD;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 8 * P8B);
	close_model(&m);
}

/* DeepSpeed's documentation ("Memory Requirements"), parts rounded up: stage 3 is 18 P / N and 4 x the largest layer, with
 * the optimizer offloaded 2 P / N of them; stage 2 with the optimizer offloaded 2 P. */
static void stages_divide_as_deepspeed_says(void **state)
{
	struct model m = open_text(LLAMA_8B);
	struct fmt_train_opts o = usual;
	struct fmt_train t;
	uint64_t largest = UINT64_C(128256) * 4096;

	(void)state;
	o.float_gradients = true;
	o.devices = 8;
	o.zero = 3;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 18 * (P8B / 8));
	assert_int_equal(t.device[FMT_TRAIN_WORKING], 4 * largest);
	o.offload_optimizer = true;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 2 * (P8B / 8));
	assert_int_equal(t.host_total, 16 * P8B);
	o.offload_params = true;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 0);
	assert_int_equal(t.host_total, 18 * P8B);
	o.offload_params = false;
	o.zero = 2;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 2 * P8B);
	o.offload_optimizer = false;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 2 * P8B + 16 * (P8B / 8));
	o.zero = 1;
	t = run(&m, &o);
	assert_int_equal(model_states(&t), 6 * P8B + 12 * (P8B / 8));
	o.devices = 7; /* does not divide */
	t = run(&m, &o);
	assert_int_equal(t.device[FMT_TRAIN_MASTER], (4 * P8B + 6) / 7);
	close_model(&m);
}

/* State sizes that PyTorch 2 and transformers' Adafactor show for the tiny model (scripts/compare-train). */
static void optimizers_keep_what_they_keep(void **state)
{
	static const uint64_t matrices = 2 * 512 * 64 + 3 * (2 * 64 * 64 + 2 * 32 * 64 + 3 * 160 * 64), norms = 7 * 64;
	static const uint64_t sides = 2 * (512 + 64) + 3 * (2 * (64 + 64) + 2 * (32 + 64) + 3 * (160 + 64));
	static const uint64_t small = 3 * 2 * 32 * 64; /* matrices below 4096 elements */
	static const struct {
		enum fmt_optimizer o;
		uint64_t bytes;
	} want[] = {
		{ FMT_OPT_ADAMW, 8 * (matrices + norms) },
		{ FMT_OPT_ADAMW_8BIT, 2 * (matrices - small) + 8 * (matrices - small) / 256 + 8 * (small + norms) },
		{ FMT_OPT_ADAMW_8BIT_PAGED, 2 * (matrices - small) + 8 * (matrices - small) / 256 + 8 * (small + norms) },
		{ FMT_OPT_SGD, 0 },
		{ FMT_OPT_SGD_MOMENTUM, 4 * (matrices + norms) },
		{ FMT_OPT_ADAFACTOR, 4 * (sides + norms) },
		{ FMT_OPT_LION, 4 * (matrices + norms) },
		{ FMT_OPT_MUON, 4 * (matrices - 2 * 512 * 64) + 8 * (2 * 512 * 64 + norms) },
	};
	struct model m = open_text(TINY);
	struct fmt_train_opts o = usual;

	(void)state;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		o.optimizer = want[i].o;
		if (run(&m, &o).device[FMT_TRAIN_STATES] != want[i].bytes)
			fail_msg("%s: not %llu", fmt_optimizer_name(o.optimizer), (unsigned long long)want[i].bytes);
	}
	close_model(&m);
}

static void nf4_takes_4_127_bits(void **state)
{
	struct model m = open_text(LLAMA_8B);
	struct fmt_train_opts o = usual;
	uint64_t bytes = 0, layers = 0;
	struct fmt_train t;

	(void)state;
	assert_true(fmt_nf4_bytes(UINT64_C(1) << 20, &bytes));
	assert_int_equal(bytes, 524288 + 16384 + 4 * 64 + 4); /* 4.127 bits: 8 x 540932 / 2^20 */
	assert_true(fmt_nf4_bytes(65, &bytes));
	assert_int_equal(bytes, 33 + 2 + 4 + 4);
	assert_false(fmt_nf4_bytes(UINT64_MAX, &bytes) && bytes < UINT64_MAX / 2);
	/* embedding, output matrix and norms stay in 16 bits */
	o.kind = FMT_TRAIN_QLORA;
	t = run(&m, &o);
	for (int i = 0; i < 7; i++) {
		static const uint64_t n[] = { 4096 * 4096, 4096 * 4096, 1024 * 4096, 1024 * 4096, 14336 * 4096, 14336 * 4096, 14336 * 4096 };

		assert_true(fmt_nf4_bytes(n[i], &bytes));
		layers += 32 * bytes;
	}
	assert_int_equal(t.device[FMT_TRAIN_WEIGHTS], layers + 2 * (2 * UINT64_C(128256) * 4096 + 65 * 4096));
	assert_int_equal(t.device[FMT_TRAIN_WORKING], 2 * 14336 * 4096);
	assert_int_equal(t.trainable, 41943040);
	assert_int_equal(t.device[FMT_TRAIN_ADAPTERS] + t.device[FMT_TRAIN_GRADIENTS] + t.device[FMT_TRAIN_STATES],
	                 UINT64_C(16) * 41943040);
	assert_int_equal(t.device[FMT_TRAIN_MASTER], 0);
	close_model(&m);
}

static void adapters_stand_where_they_are_asked_for(void **state)
{
	struct model m = open_text(LLAMA_8B);
	struct fmt_train_opts o = usual;
	static const struct {
		const char *targets;
		uint64_t sides;
	} want[] = {
		{ "q_proj", 8192 }, { "attn_q", 8192 }, { "q_proj,v_proj", 8192 + 5120 }, { "qv", 8192 + 5120 },
		{ "attention", 2 * 8192 + 2 * 5120 }, { "down_proj,gate_proj", 2 * 18432 }, { "all,q_proj", 2621440 / 32 },
	};

	(void)state;
	o.kind = FMT_TRAIN_LORA;
	for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
		o.targets = want[i].targets;
		if (run(&m, &o).trainable != 16 * 32 * want[i].sides)
			fail_msg("%s", o.targets);
	}
	close_model(&m);
}

/* Every adapter count of the truths, which transformers' models gave. */
static void adapters_equal_the_truths(void **state)
{
	static const char *const names[] = {
		"Llama-3.1-8B", "Qwen3-Next-80B-A3B", "DeepSeek-V2-Lite", "Mixtral-8x7B", "GPT-2", "Falcon-180B", "Nemotron-H-56B",
		"Mamba-2.8b", "Phi-3-mini-128k",
	};
	const char *shared = getenv("ASSAY_SHARED");

	(void)state;
	if (!shared || access(shared, R_OK))
		skip();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
		struct fmt_train_opts o = usual;
		struct fmt_err err = { .code = FMT_OK };
		const struct json *want;
		struct json_doc *truth;
		struct model m;
		char path[512], text[1 << 16];
		uint64_t n = 0;
		FILE *f;

		snprintf(path, sizeof path, "%s/configs/%s.json", shared, names[i]);
		m = open_path(path);
		snprintf(path, sizeof path, "%s/configs/truth/%s.json", shared, names[i]);
		f = fopen(path, "rb");
		assert_non_null(f);
		truth = json_parse(text, fread(text, 1, sizeof text, f), &err);
		fclose(f);
		assert_non_null(truth);
		want = json_get(json_get(json_root(truth), "lora"), "trainable");
		o.kind = FMT_TRAIN_LORA;
		assert_true(json_u64(json_get(want, "all_linear_but_experts_router_head"), &n));
		assert_int_equal(run(&m, &o).trainable, n);
		if (json_u64(json_get(want, "q_proj_v_proj"), &n)) {
			o.targets = "qv";
			assert_int_equal(run(&m, &o).trainable, n);
		}
		json_free(truth);
		close_model(&m);
	}
}

static uint64_t activations(const char *config, bool eager, enum fmt_checkpointing c, uint64_t batch, uint64_t seq)
{
	struct model m = open_text(config);
	struct fmt_train_opts o = usual;
	uint64_t n;

	o.eager = eager;
	o.checkpointing = c;
	o.micro_batch = batch;
	o.seq = seq;
	n = run(&m, &o).device[FMT_TRAIN_ACTIVATIONS];
	close_model(&m);
	return n;
}

/* GPT-2's layer without dropout keeps 34 s b h less the two masks; the statistics of its norms and of flash attention
 * come on top. */
static void a_plain_layer_keeps_what_korthikanti_counts(void **state)
{
	const char *gpt2 = "{\"model_type\": \"gpt2\", \"n_embd\": 1024, \"n_layer\": %d, \"n_head\": 16}";
	char one[128], two[128];
	uint64_t layer;

	(void)state;
	snprintf(one, sizeof one, gpt2, 1);
	snprintf(two, sizeof two, gpt2, 2);
	layer = activations(two, false, FMT_CHECKPOINT_NONE, 3, 100) - activations(one, false, FMT_CHECKPOINT_NONE, 3, 100);
	assert_int_equal(layer, 300 * (32 * 1024 + 2 * 8 + 4 * 16));
	/* with checkpoints one more layer costs its input */
	layer = activations(two, false, FMT_CHECKPOINT_FULL, 3, 100) - activations(one, false, FMT_CHECKPOINT_FULL, 3, 100);
	assert_int_equal(layer, 300 * 2 * 1024);
	/* scores, where they are stored and not computed again */
	assert_int_equal(activations(one, true, FMT_CHECKPOINT_NONE, 3, 100) - activations(one, true, FMT_CHECKPOINT_SELECTIVE, 3, 100),
	                 300 * 16 * (6 * 100 - 4));
}

/* Bytes that autograd saved in transformers 5.12 (PyTorch 2.14), 2 x 64 tokens, less the log-probabilities. The rest of
 * the difference is the table of sines and cosines, and the numbers of the tokens. */
static void the_tiny_model_saves_what_pytorch_saves(void **state)
{
	uint64_t flash = activations(TINY, false, FMT_CHECKPOINT_NONE, 2, 64), eager = activations(TINY, true, FMT_CHECKPOINT_NONE, 2, 64);

	(void)state;
	assert_in_range(flash, 1113604 - 6000, 1113604);
	assert_in_range(eager, 1746436 - 6000, 1746436);
}

static void refused(const struct model *m, struct fmt_train_opts o, enum fmt_code code, const char *words)
{
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_train t;

	if (fmt_train(&m->e, m->v, &o, &t, &err) || err.code != code || !strstr(err.msg, words))
		fail_msg("code %d, '%s', not '%s'", err.code, err.msg, words);
}

static void bad_options_are_refused(void **state)
{
	struct model m = open_text(LLAMA_8B);
	struct fmt_train_opts o = usual;

	(void)state;
	o.devices = 0;
	refused(&m, o, FMT_USAGE, "devices");
	o = usual;
	o.kind = FMT_TRAIN_LORA;
	o.rank = 0;
	refused(&m, o, FMT_USAGE, "rank");
	o.rank = 16;
	o.targets = "q_proj,w_proj";
	refused(&m, o, FMT_USAGE, "no 'w_proj'");
	o.targets = "lm_head";
	refused(&m, o, FMT_USAGE, "no 'lm_head'");
	o.targets = "";
	refused(&m, o, FMT_USAGE, "no ''");
	o = usual;
	o.seq = 0;
	refused(&m, o, FMT_USAGE, "sequence");
	o = usual;
	o.zero = 4;
	refused(&m, o, FMT_USAGE, "stages");
	o = usual;
	o.precision = FMT_Q4_0;
	refused(&m, o, FMT_USAGE, "bf16");
	o = usual;
	o.kind = FMT_TRAIN_QLORA;
	o.precision = FMT_F32;
	refused(&m, o, FMT_USAGE, "QLoRA");
	o = usual;
	o.offload_params = true;
	refused(&m, o, FMT_USAGE, "stage 3");
	o = usual;
	o.eager = true;
	o.micro_batch = o.seq = UINT64_C(1) << 30;
	refused(&m, o, FMT_LIMIT, "64 bits");
	close_model(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_takes_16_bytes_per_parameter),
		cmocka_unit_test(stages_divide_as_deepspeed_says),
		cmocka_unit_test(optimizers_keep_what_they_keep),
		cmocka_unit_test(nf4_takes_4_127_bits),
		cmocka_unit_test(adapters_stand_where_they_are_asked_for),
		cmocka_unit_test(adapters_equal_the_truths),
		cmocka_unit_test(a_plain_layer_keeps_what_korthikanti_counts),
		cmocka_unit_test(the_tiny_model_saves_what_pytorch_saves),
		cmocka_unit_test(bad_options_are_refused),
	};

	return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
