/* Rotary frequencies from the keys rope.*: what each pair of a head turns per position.
 *
 * Plain: inv_freq[i] = base^(-2i/n), rounded to float32 at the same places as in Hugging Face's code. Scalings:
 * - linear: all divided by the factor (position interpolation, arXiv:2306.15595);
 * - llama3: divided by the factors of the tensor rope_freqs.weight, one per pair;
 * - yarn: a ramp between plain and linear, and a magnitude (arXiv:2309.00071);
 * - longrope: divided by the factors of rope_factors_short.weight, or of rope_factors_long.weight in a run with room for
 *   more than the first context, and a magnitude (arXiv:2402.13753);
 * - in layers with a window, of those architectures that have another base there (Gemma 3): plain with that base;
 * - dynamic: plain up to the model's own context, to which the run is then held: past it the frequencies would depend
 *   on how long the text becomes, and so on how it is cut into batches. */
#include "bind.h"
#include "elementary.h"

#include <math.h>
#include <stdlib.h>

#define PI 3.14159265358979323846

static void plain(const struct infer_rope *rope, float *freq, float base)
{
	for (uint32_t i = 0; i < rope->n_dims / 2; i++) {
		float exponent = (float)(2 * i) / (float)rope->n_dims;

		freq[i] = 1.0f / (float)infer_pow((double)base, (double)exponent);
	}
}

/* The pair that turns `turns` times over `n` positions, as a real number: where YaRN's ramp begins or ends. */
static double pair_of_turns(const struct infer_rope *rope, float base, double turns, uint32_t n)
{
	return rope->n_dims * infer_log(n / (turns * 2 * PI)) / (2 * infer_log((double)base));
}

struct yarn {
	float factor, beta_fast, beta_slow;
	float attn_factor;  /* on the magnitude that follows from the factor (llama.cpp's key) */
	float magnitude;    /* in its stead, if above 0 (Hugging Face's attention_factor) */
	uint32_t n_ctx_original;
	float log_multiplier; /* of latent attention: its scores grow with the logarithm of the factor, and not what turns */
	bool truncate;      /* the ramp begins and ends at whole pairs */
};

static bool yarn_read(const struct infer_model *m, struct yarn *y, struct fmt_err *err)
{
	const struct fmt_view *v = m->view;
	const struct fmt_value *truncate = fmt_view_arch_get(v, "rope.scaling.yarn_truncate");

	y->truncate = !truncate || truncate->type != FMT_KV_BOOL || truncate->as.b;
	return fmt_view_f32(v, "rope.scaling.yarn_beta_fast", 32, &y->beta_fast, err) &&
	       fmt_view_f32(v, "rope.scaling.yarn_beta_slow", 1, &y->beta_slow, err) &&
	       fmt_view_f32(v, "rope.scaling.attn_factor", 1, &y->attn_factor, err) &&
	       fmt_view_f32(v, "rope.scaling.yarn_attn_factor", 0, &y->magnitude, err) &&
	       fmt_view_f32(v, "rope.scaling.yarn_log_multiplier", 0, &y->log_multiplier, err) &&
	       fmt_view_u32(v, "rope.scaling.original_context_length", -1, m->n_ctx_train, &y->n_ctx_original, err);
}

static bool yarn_check(const struct yarn *y, float base, struct fmt_err *err)
{
	if (!(y->log_multiplier >= 0) || y->log_multiplier > 1e3f)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "rope.scaling.yarn_log_multiplier is %g", (double)y->log_multiplier);
	if (y->beta_fast > 0 && y->beta_slow > 0 && base > 1 && y->n_ctx_original)
		return true;
	return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET,
	                "rope scaling 'yarn': betas %g and %g, base %g, %u positions", (double)y->beta_fast, (double)y->beta_slow, (double)base, y->n_ctx_original);
}

/* What turns is stretched; or, of latent attention, all scores by the square of a stretch, and what turns is not. */
static void set_magnitude(struct infer_model *m, const struct yarn *y)
{
	double log_factor = y->factor > 1 ? infer_log((double)y->factor) : 0, stretch = 1 + 0.1 * log_factor;

	if (m->forward->latent && y->log_multiplier > 0) {
		double all = 1 + (double)y->log_multiplier * log_factor;

		m->attn_scale = (float)((double)m->attn_scale * all * all);
		stretch = 1;
	}
	if (!m->forward->latent && y->log_multiplier > 0) /* Ministral 3, whose scores stay as they are */
		stretch /= 1 + (double)y->log_multiplier * log_factor * 0.1;
	m->rope.magnitude = y->magnitude > 0 ? y->magnitude : (float)((double)y->attn_factor * stretch);
}

static bool yarn_apply(struct infer_model *m, float base, float factor, struct fmt_err *err)
{
	struct infer_rope *rope = &m->rope;
	struct yarn y = { .factor = factor };
	double low, high;

	if (!yarn_read(m, &y, err) || !yarn_check(&y, base, err))
		return false;
	low = pair_of_turns(rope, base, (double)y.beta_fast, y.n_ctx_original);
	high = pair_of_turns(rope, base, (double)y.beta_slow, y.n_ctx_original);
	low = fmax(y.truncate ? floor(low) : low, 0);
	high = fmin(y.truncate ? ceil(high) : high, rope->n_dims - 1.0);
	for (uint32_t i = 0; i < rope->n_dims / 2; i++) {
		double ramp = fmin(fmax((i - low) / (high > low ? high - low : 0.001), 0), 1);
		float keep = 1 - (float)ramp, f = rope->inv_freq[i];

		rope->inv_freq[i] = f / y.factor * (1 - keep) + f * keep;
	}
	set_magnitude(m, &y);
	return true;
}

static bool factor_read(const struct fmt_view *v, float *factor, struct fmt_err *err)
{
	if (!fmt_view_f32(v, "rope.scaling.factor", 1, factor, err))
		return false;
	if (!(*factor > 0) || *factor > 1e9f)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "rope.scaling.factor is %g", (double)*factor);
	return true;
}

static bool scale(struct infer_model *m, float base, struct fmt_err *err)
{
	const struct fmt_value *kind = fmt_view_arch_get(m->view, "rope.scaling.type");
	float factor;

	if (!kind)
		return true;
	if (kind->type != FMT_KV_STR)
		return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "rope.scaling.type is not a string");
	if (fmt_str_is(kind->as.s, "none"))
		return true;
	if (!factor_read(m->view, &factor, err))
		return false;
	if (fmt_str_is(kind->as.s, "yarn"))
		return yarn_apply(m, base, factor, err);
	if (!fmt_str_is(kind->as.s, "linear"))
		return fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "rope scaling '%.*s' is not known here",
		                (int)(kind->as.s.n < 40 ? kind->as.s.n : 40), kind->as.s.p);
	for (uint32_t i = 0; i < m->rope.n_dims / 2; i++)
		m->rope.inv_freq[i] /= factor;
	return true;
}

/* freq[i] /= element i of a weight of one element per pair. */
static bool divide(const struct infer_rope *rope, float *freq, const struct infer_w *w, const char *name, struct fmt_err *err)
{
	if (w->cols != rope->n_dims / 2)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET,
		                "%s.weight has %zu elements, but %u dimensions turn in pairs", name, w->cols, rope->n_dims);
	for (uint32_t i = 0; i < rope->n_dims / 2; i++) {
		if (!(w->f32[i] > 0))
			return fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s.weight: element %u is %g", name, i,
			                (double)w->f32[i]);
		freq[i] /= w->f32[i];
	}
	return true;
}

static bool check_base(const char *key, float base, struct fmt_err *err)
{
	return (base > 0 && base <= 1e30f) || fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "%s is %g", key, (double)base);
}

/* Two sets of divisors, for texts within the context that was trained first and for longer ones. */
static bool long_rope(struct infer_model *m, float base, struct fmt_err *err)
{
	const struct infer_w *near = &m->w[FMT_ROLE_ROPE_SHORT], *far = &m->w[FMT_ROLE_ROPE_LONG];
	struct infer_rope *rope = &m->rope;

	if (!near->tensor || !far->tensor)
		return !near->tensor == !far->tensor ||
		       fmt_fail(err, FMT_MISSING, FMT_NO_OFFSET,
		                "rope_factors_long.weight and rope_factors_short.weight: only one is there");
	rope->inv_freq_long = malloc((rope->n_dims / 2 + 1) * sizeof *rope->inv_freq_long);
	if (!rope->inv_freq_long)
		return fmt_fail_nomem(err, (uint64_t)rope->n_dims / 2 * sizeof *rope->inv_freq_long);
	plain(rope, rope->inv_freq_long, base);
	return divide(rope, rope->inv_freq, near, "rope_factors_short", err) &&
	       divide(rope, rope->inv_freq_long, far, "rope_factors_long", err) &&
	       fmt_view_u32(m->view, "rope.scaling.original_context_length", -1, m->n_ctx_train, &rope->n_ctx_short, err) &&
	       fmt_view_f32(m->view, "rope.scaling.attn_factor", 1, &rope->magnitude_long, err) &&
	       fmt_view_f32(m->view, "rope.scaling.attn_factor_short", rope->magnitude_long, &rope->magnitude, err);
}

/* Frequencies of layers with a window: another base, no scaling. */
static bool window_rope(struct infer_model *m, float base, struct fmt_err *err)
{
	struct infer_rope *rope = &m->rope;

	if (!rope->apart_in_windows)
		return true;
	if (!fmt_view_f32(m->view, "rope.freq_base_swa", m->forward->window_base > 0 ? m->forward->window_base : base, &base, err) ||
	    !check_base("rope.freq_base_swa", base, err))
		return false;
	rope->inv_freq_window = malloc((rope->n_dims / 2 + 1) * sizeof *rope->inv_freq_window);
	if (!rope->inv_freq_window)
		return fmt_fail_nomem(err, (uint64_t)rope->n_dims / 2 * sizeof *rope->inv_freq_window);
	plain(rope, rope->inv_freq_window, base);
	return true;
}

bool infer_rope_init(struct infer_model *m, struct fmt_err *err)
{
	struct infer_rope *rope = &m->rope;
	float base;

	rope->pairs = m->forward->pairs;
	rope->apart_in_windows = m->forward->window_rope;
	rope->magnitude = 1;
	if (!fmt_view_u32(m->view, "rope.dimension_count", -1, m->d_k, &rope->n_dims, err) ||
	    !fmt_view_f32(m->view, "rope.freq_base", 10000, &base, err))
		return false;
	if (rope->n_dims > m->d_k || rope->n_dims % 2)
		return fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET,
		                "rope.dimension_count is %u, but heads are %u wide and turn in pairs", rope->n_dims,
		                m->d_k);
	if (!check_base("rope.freq_base", base, err))
		return false;
	if (fmt_view_arch_get(m->view, "rope.scaling.dynamic_factor")) {
		m->max_ctx = m->n_ctx_train;
		m->max_ctx_why = "the model's dynamic rope scaling is followed up to";
	}
	if (m->described) /* no angles, and no weights to divide them by */
		return true;
	rope->inv_freq = malloc((rope->n_dims / 2 + 1) * sizeof *rope->inv_freq);
	if (!rope->inv_freq)
		return fmt_fail_nomem(err, (uint64_t)rope->n_dims / 2 * sizeof *rope->inv_freq);
	plain(rope, rope->inv_freq, base);
	if (!scale(m, base, err) || !long_rope(m, base, err) || !window_rope(m, base, err))
		return false;
	return !m->w[FMT_ROLE_ROPE_FREQS].tensor || divide(rope, rope->inv_freq, &m->w[FMT_ROLE_ROPE_FREQS], "rope_freqs", err);
}

void infer_rope_finish(struct infer_rope *rope)
{
	free(rope->inv_freq);
	free(rope->inv_freq_long);
	free(rope->inv_freq_window);
}
