/* What fits, against brute force; and how layers are spread, against examples worked out by hand from llama.cpp's rule and
 * against what must be kept: every byte of weights and cache has one place, but for the copies that are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/fit.h>

#define KIB(n) ((uint64_t)(n) << 10)
#define MIB(n) ((uint64_t)(n) << 20)
#define GIB(n) ((uint64_t)(n) << 30)

static char dir[64];

/* A model as config.json has it, with the sizes that its tensors have in their own type. */
struct model {
	struct fmt_view *view;
	struct fmt_estimate e;
	struct fmt_parts parts;
};

static const char *const configs[] = {
	"{\"model_type\": \"llama\", \"hidden_size\": 256, \"intermediate_size\": 512, \"num_hidden_layers\": 9,"
	" \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"vocab_size\": 1000, \"max_position_embeddings\": 8192}",
	/* the output is the embedding; a table for all layers */
	"{\"model_type\": \"llama\", \"hidden_size\": 256, \"intermediate_size\": 512, \"num_hidden_layers\": 9,"
	" \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"vocab_size\": 1000, \"max_position_embeddings\": 8192,"
	" \"tie_word_embeddings\": true, \"rope_theta\": 500000.0, \"rope_scaling\": {\"rope_type\": \"llama3\", \"factor\": 8.0,"
	" \"low_freq_factor\": 1.0, \"high_freq_factor\": 4.0, \"original_max_position_embeddings\": 1024}}",
	"{\"model_type\": \"qwen3_moe\", \"hidden_size\": 256, \"moe_intermediate_size\": 128, \"intermediate_size\": 512,"
	" \"num_hidden_layers\": 9, \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 64, \"num_experts\": 16,"
	" \"num_experts_per_tok\": 2, \"vocab_size\": 1000, \"max_position_embeddings\": 8192}",
	/* latent attention, the first layer without experts */
	"{\"model_type\": \"deepseek_v2\", \"hidden_size\": 256, \"moe_intermediate_size\": 64, \"intermediate_size\": 512,"
	" \"num_hidden_layers\": 9, \"num_attention_heads\": 4, \"num_key_value_heads\": 4, \"kv_lora_rank\": 64,"
	" \"q_lora_rank\": null, \"qk_nope_head_dim\": 32, \"qk_rope_head_dim\": 16, \"v_head_dim\": 32, \"n_routed_experts\": 8,"
	" \"num_experts_per_tok\": 2, \"n_shared_experts\": 1, \"first_k_dense_replace\": 1, \"vocab_size\": 1000,"
	" \"max_position_embeddings\": 8192}",
	/* no attention at all: a state */
	"{\"model_type\": \"mamba\", \"hidden_size\": 256, \"intermediate_size\": 512, \"num_hidden_layers\": 9, \"state_size\": 16,"
	" \"conv_kernel\": 4, \"time_step_rank\": 16, \"vocab_size\": 1000}",
	/* windows in every other layer */
	"{\"model_type\": \"gemma2\", \"hidden_size\": 256, \"intermediate_size\": 512, \"num_hidden_layers\": 9,"
	" \"num_attention_heads\": 4, \"num_key_value_heads\": 2, \"head_dim\": 64, \"sliding_window\": 512, \"vocab_size\": 1000,"
	" \"max_position_embeddings\": 8192}",
};
#define N_CONFIGS (sizeof configs / sizeof *configs)

static void open_model(struct model *m, const char *config)
{
	struct fmt_view_opts opts = { .plan_only = true, .no_tokenizer = true };
	struct fmt_err err = { .code = FMT_OK };
	char path[96];
	FILE *f;

	*m = (struct model){ .view = NULL };
	snprintf(path, sizeof path, "%s/config.json", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(config, f);
	fclose(f);
	m->view = fmt_view_open(path, &opts, &err);
	if (!m->view)
		fail_msg("%s", err.msg);
	assert_true(fmt_estimate_init(&m->e, m->view, &err));
	assert_true(fmt_parts_init(&m->parts, &m->e, &err));
	for (uint64_t i = 0; i < m->view->n_tensors; i++)
		assert_true(fmt_parts_add(&m->parts, &m->view->tensors[i], m->view->tensors[i].n_bytes, &err));
	remove(path);
}

static void close_model(struct model *m)
{
	fmt_parts_finish(&m->parts);
	fmt_estimate_finish(&m->e);
	fmt_view_close(m->view);
}

static struct fmt_fit question(const struct model *m, uint64_t memory, uint64_t margin)
{
	return (struct fmt_fit){ .e = &m->e, .keep = FMT_KEEP_LLAMA_CPP, .memory = memory, .margin = margin,
		                     .runtime = { .k_type = FMT_F16, .v_type = FMT_F16, .context = 1024, .sequences = 1, .batch = 2048,
		                                  .ubatch = 512 } };
}

/* A generator of its own, so that a failure can be seen again. */
static uint64_t dice(uint64_t *s, uint64_t n)
{
	*s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*s >> 33) % n;
}

static void margins(void **state)
{
	(void)state;
	assert_int_equal(fmt_fit_margin(0), 0);
	assert_int_equal(fmt_fit_margin(GIB(4)), MIB(512));
	assert_int_equal(fmt_fit_margin(GIB(8)), GIB(1));
	assert_int_equal(fmt_fit_margin(GIB(80)), GIB(1));
}

static void edges(void **state)
{
	struct model m;
	struct fmt_fit f;
	uint64_t taken;

	(void)state;
	open_model(&m, configs[0]);
	f = question(&m, 0, 0);
	taken = fmt_fit_taken(&f, m.parts.total, 1024, 1);
	assert_false(fmt_fit_holds(&f, 1));
	f.memory = taken + 100;
	f.margin = 100;
	assert_true(fmt_fit_holds(&f, taken));
	assert_false(fmt_fit_holds(&f, taken + 1));
	f.margin = f.memory + 1; /* more than there is */
	assert_false(fmt_fit_holds(&f, 0));
	f.memory = UINT64_MAX;
	assert_int_equal(fmt_fit_taken(&f, UINT64_MAX - 1, 1024, 1), UINT64_MAX); /* past 64 bits */
	assert_int_equal(fmt_fit_taken(&f, 0, UINT64_MAX, 1), UINT64_MAX);
	f.margin = 1;
	assert_false(fmt_fit_holds(&f, UINT64_MAX));
	close_model(&m);
}

#define MOST_TOKENS 3000
#define MOST_AT_ONCE 64

/* Halving finds what trying every number finds. */
static void brute_force(void **state)
{
	static uint64_t of_context[MOST_TOKENS + 1], of_sequences[MOST_AT_ONCE + 1];
	uint64_t seed = 1;

	(void)state;
	for (size_t c = 0; c < N_CONFIGS; c++) {
		struct model m;
		struct fmt_fit f;

		open_model(&m, configs[c]);
		f = question(&m, 0, 0);
		for (uint64_t n = 1; n <= MOST_TOKENS; n++)
			of_context[n] = fmt_fit_taken(&f, m.parts.total, n, 1);
		for (uint64_t n = 1; n <= MOST_AT_ONCE; n++)
			of_sequences[n] = fmt_fit_taken(&f, m.parts.total, f.runtime.context, n);
		for (int round = 0; round < 50; round++) {
			uint64_t context = 0, sequences = 0;

			f.memory = m.parts.total + dice(&seed, MIB(24));
			f.margin = dice(&seed, MIB(1));
			for (uint64_t n = 1; n <= MOST_TOKENS; n++)
				context = fmt_fit_holds(&f, of_context[n]) ? n : context;
			for (uint64_t n = 1; n <= MOST_AT_ONCE; n++)
				sequences = fmt_fit_holds(&f, of_sequences[n]) ? n : sequences;
			assert_int_equal(fmt_fit_context(&f, m.parts.total, MOST_TOKENS), context);
			assert_int_equal(fmt_fit_sequences(&f, m.parts.total, MOST_AT_ONCE), sequences);
		}
		close_model(&m);
	}
}

/* Worked out by hand: slot n goes to the first device whose running share is above n / slots. */
static void shares(void **state)
{
	static const struct {
		size_t n_devices;
		uint64_t memory[4], slots, counts[4];
	} examples[] = {
		{ 1, { 24 }, 33, { 33 } },
		{ 2, { 24, 24 }, 33, { 17, 16 } },           /* 16/33 < 1/2 <= 17/33 */
		{ 2, { 24, 24 }, 32, { 16, 16 } },           /* 16/32 is not below 1/2 */
		{ 3, { 24, 24, 8 }, 33, { 15, 14, 4 } },     /* 3/7: 14.1 slots; 6/7: 28.3 */
		{ 2, { 24, 12 }, 49, { 33, 16 } },           /* 2/3: 32.7 */
		{ 2, { 1, 3 }, 1, { 1, 0 } },                /* 0 is below any share */
		{ 4, { 0, 8, 0, 8 }, 4, { 0, 2, 0, 2 } },    /* nothing free, nothing there */
		{ 3, { 1, 1, 1 }, 0, { 0, 0, 0 } },
	};

	(void)state;
	for (size_t i = 0; i < sizeof examples / sizeof *examples; i++) {
		uint64_t counts[4] = { 9, 9, 9, 9 };

		fmt_split_shares(examples[i].memory, examples[i].n_devices, examples[i].slots, counts);
		for (size_t d = 0; d < examples[i].n_devices; d++)
			assert_int_equal(counts[d], examples[i].counts[d]);
	}
}

/* Numbers of layers given as shares come out as these numbers: what -ts with a split made by hand rests on. */
static void shares_of_counts(void **state)
{
	uint64_t seed = 7;

	(void)state;
	for (int round = 0; round < 20000; round++) {
		uint64_t want[FMT_MAX_DEVICES], got[FMT_MAX_DEVICES], slots = 0;
		size_t n = 1 + dice(&seed, FMT_MAX_DEVICES);

		for (size_t d = 0; d < n; d++)
			slots += want[d] = dice(&seed, 40);
		if (!slots)
			continue;
		fmt_split_shares(want, n, slots, got);
		for (size_t d = 0; d < n; d++)
			assert_int_equal(got[d], want[d]);
	}
}

/* Where each kind of tensor goes. */
static void parts(void **state)
{
	struct model m;

	(void)state;
	open_model(&m, configs[1]); /* tied; its 32 frequencies are a table for all layers */
	assert_int_equal(m.parts.input, m.parts.tied);
	assert_int_equal(m.parts.input, m.e.vocab * 256 * 2);
	assert_int_equal(m.parts.tables, 32 * 4);
	assert_int_equal(m.parts.layers[0].experts, 0);
	close_model(&m);
	open_model(&m, configs[0]);
	assert_int_equal(m.parts.tied, 0);
	assert_true(m.parts.output > m.parts.input); /* the norm too */
	assert_int_equal(m.parts.tables, 0);
	close_model(&m);
	open_model(&m, configs[3]); /* the first layer is dense, the experts of the others are 8 x 3 x 64 x 256 */
	assert_int_equal(m.parts.layers[0].experts, 0);
	assert_int_equal(m.parts.layers[1].experts, 8 * 3 * 64 * 256 * 2);
	assert_int_equal(m.parts.layers[1].largest_experts, 8 * 64 * 256 * 2);
	close_model(&m);
}

/* Every layer has one place, in order, within what is free; nothing is lost and nothing is there twice but the copies. */
static void check_split(const struct model *m, const struct fmt_fit *f, const struct fmt_split_opts *o,
                        const struct fmt_split *s)
{
	uint64_t weights = s->cpu.weights, kv = s->cpu.kv, sum_state = s->cpu.state, next = s->cpu.n_layers, copies = m->parts.total;
	unsigned places = s->cpu.n_layers > 0, outputs = s->cpu.output;
	struct fmt_runtime_bytes b;
	struct fmt_err err = { .code = FMT_OK };

	assert_int_equal(s->n_devices, o->n_devices);
	for (size_t d = 0; d < s->n_devices; d++) {
		const struct fmt_place *p = &s->devices[d];

		assert_int_equal(p->total, p->weights + p->kv + p->state + p->compute);
		assert_true(p->total == 0 || p->total + o->margin[d] <= o->memory[d]);
		assert_true(p->n_layers == 0 || p->first == next);
		next += p->n_layers;
		places += p->n_layers > 0;
		outputs += p->output;
		weights += p->weights;
		kv += p->kv;
		sum_state += p->state;
	}
	assert_int_equal(next, m->parts.n_layers);
	assert_int_equal(outputs, 1);
	assert_int_equal(s->gpu_layers, m->parts.n_layers + 1 - s->cpu.n_layers - s->cpu.output);
	assert_true(fmt_fit_beside(f, f->runtime.context, f->runtime.sequences, &b, &err));
	copies += (places ? places - 1 : 0) * m->parts.tables + (s->cpu.output ? 0 : m->parts.tied);
	assert_int_equal(weights, copies);
	assert_int_equal(kv, b.kv);
	assert_int_equal(sum_state, b.state);
}

/* No way of fewer moves fits: tried with every way to cut the slots among two devices. */
static bool any_cut(const struct fmt_fit *f, const struct model *m, const struct fmt_split_opts *o, uint64_t experts)
{
	uint64_t slots = m->parts.n_layers + 1;

	for (uint64_t cut = 0; cut <= slots; cut++) {
		struct fmt_split_opts wide = *o;
		struct fmt_err err = { .code = FMT_OK };
		struct fmt_split s;
		bool fits = true;

		/* devices without bounds take what their shares say */
		wide.memory[0] = cut << 40;
		wide.memory[1] = (slots - cut) << 40;
		wide.margin[0] = wide.margin[1] = 0;
		wide.cpu_experts = experts;
		wide.find_experts = false;
		assert_true(fmt_split(f, &m->parts, &wide, &s, &err));
		for (size_t d = 0; d < 2; d++)
			fits = fits && (s.devices[d].total == 0 || s.devices[d].total + o->margin[d] <= o->memory[d]);
		if (s.whole && fits)
			return true;
	}
	return false;
}

static void splits(void **state)
{
	uint64_t seed = 3;

	(void)state;
	for (size_t c = 0; c < N_CONFIGS; c++) {
		struct model m;
		unsigned whole = 0, part = 0;

		open_model(&m, configs[c]);
		for (int round = 0; round < 150; round++) {
			struct fmt_fit f = question(&m, 0, 0);
			struct fmt_split_opts o = { .n_devices = 1 + dice(&seed, 4), .find_experts = dice(&seed, 2) };
			struct fmt_err err = { .code = FMT_OK };
			struct fmt_split s;

			f.runtime.context = 1 + dice(&seed, 4096);
			o.cpu_experts = dice(&seed, 3) ? 0 : dice(&seed, 12);
			for (size_t d = 0; d < o.n_devices; d++) {
				o.memory[d] = MIB(1) + dice(&seed, 2 * (m.parts.total + MIB(8)) / o.n_devices);
				o.margin[d] = dice(&seed, KIB(256));
			}
			assert_true(fmt_split(&f, &m.parts, &o, &s, &err));
			check_split(&m, &f, &o, &s);
			whole += s.whole;
			part += !s.whole;
			if (o.n_devices == 2)
				assert_int_equal(s.whole, any_cut(&f, &m, &o, o.cpu_experts));
			if (o.n_devices == 2 && !s.whole && s.gpu_layers == m.parts.n_layers + 1)
				assert_false(any_cut(&f, &m, &o, s.cpu_experts - 1));
		}
		assert_true(whole > 10 && part > 10);
		close_model(&m);
	}
}

/* The longest context of a split, against every one. */
static void split_context(void **state)
{
	struct fmt_split_opts o = { .n_devices = 2 };
	struct model m;
	struct fmt_fit f;
	uint64_t longest = 0;

	(void)state;
	open_model(&m, configs[2]);
	f = question(&m, 0, 0);
	o.memory[0] = m.parts.total / 2 + MIB(8);
	o.memory[1] = m.parts.total / 2 + MIB(9);
	for (uint64_t n = 256; n <= 8192; n += 256) { /* cells come in 256 */
		struct fmt_err err = { .code = FMT_OK };
		struct fmt_split s;

		f.runtime.context = n;
		assert_true(fmt_split(&f, &m.parts, &o, &s, &err));
		longest = s.whole ? n : longest;
	}
	assert_true(longest > 0 && longest < 8192);
	assert_int_equal(fmt_split_context(&f, &m.parts, &o, 8192), longest);
	close_model(&m);
}

/* Everything in the CPU's memory where devices have no room at all; what is too large is an error. */
static void nothing_there(void **state)
{
	struct fmt_split_opts o = { .n_devices = 2, .memory = { 1, 1 }, .find_experts = true };
	struct fmt_err err = { .code = FMT_OK };
	struct fmt_split s;
	struct model m;
	struct fmt_fit f;

	(void)state;
	open_model(&m, configs[2]);
	f = question(&m, 0, 0);
	assert_true(fmt_split(&f, &m.parts, &o, &s, &err));
	assert_int_equal(s.gpu_layers, 0);
	assert_true(s.cpu.output && s.cpu.n_layers == 9 && s.cpu.weights == m.parts.total);
	assert_int_equal(s.devices[0].total + s.devices[1].total, 0);
	f.runtime.context = UINT64_C(1) << 39;
	f.runtime.sequences = UINT64_C(1) << 39;
	assert_false(fmt_split(&f, &m.parts, &o, &s, &err));
	assert_int_equal(err.code, FMT_LIMIT);
	m.parts.input = UINT64_MAX - 5;
	f.runtime.context = f.runtime.sequences = 1;
	err.code = FMT_OK;
	assert_false(fmt_split(&f, &m.parts, &o, &s, &err));
	close_model(&m);
}

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/test_fit.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return remove(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(margins),
		cmocka_unit_test(edges),
		cmocka_unit_test(brute_force),
		cmocka_unit_test(shares),
		cmocka_unit_test(shares_of_counts),
		cmocka_unit_test(parts),
		cmocka_unit_test(splits),
		cmocka_unit_test(split_context),
		cmocka_unit_test(nothing_there),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
