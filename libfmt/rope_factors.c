/* The one place where libfmt computes: factors of rotary frequencies, which a GGUF holds as tensors and keys.
 *
 * Every step is rounded to float, in the order in which torch does it for the reference converter, where a scalar over
 * a tensor is the reciprocal times the scalar. The power is taken in double and rounded, so that it does not depend on
 * the C library; torch's own is within one unit in the last place of it. */
#include <math.h>

#include "rope_factors.h"

#define TWO_PI 6.283185307179586

static float factor_of(float wavelength, const struct arch_conf *conf)
{
	double old_context = (double)conf->n[P_ROPE_ORIG_CONTEXT];
	double low = conf->f[P_ROPE_LOW], high = conf->f[P_ROPE_HIGH];
	float smooth, mix;

	if ((double)wavelength < old_context / high)
		return 1.0f;
	if ((double)wavelength > old_context / low || low >= high)
		return (float)conf->f[P_ROPE_FACTOR];
	smooth = (1.0f / wavelength) * (float)old_context - (float)low;
	smooth /= (float)(high - low);
	mix = (1.0f - smooth) / (float)conf->f[P_ROPE_FACTOR] + smooth;
	return 1.0f / mix;
}

void rope_factors_llama3(const struct arch_conf *conf, float *factors, uint64_t n)
{
	float base = (float)conf->f[P_ROPE_THETA];

	for (uint64_t i = 0; i < n; i++) {
		float exponent = (float)(2 * i) / (float)(2 * n);
		float frequency = 1.0f / (float)pow((double)base, (double)exponent);

		factors[i] = factor_of((1.0f / frequency) * (float)TWO_PI, conf);
	}
}

double rope_long_magnitude(const struct arch_conf *conf)
{
	double old_context = (double)conf->n[P_ROPE_ORIG_CONTEXT];
	double stretch = conf->set[P_ROPE_FACTOR] ? conf->f[P_ROPE_FACTOR] : (double)conf->n[P_CONTEXT] / old_context;

	return stretch > 1 && old_context > 1 ? sqrt(1 + log(stretch) / log(old_context)) : 1;
}

static double mscale_of(double factor, double mscale)
{
	return factor > 1 ? 0.1 * mscale * log(factor) + 1 : 1;
}

/* Source: transformers, modeling_rope_utils.py, _compute_yarn_parameters. */
void rope_magnitude(struct arch_conf *conf)
{
	double factor = conf->f[P_ROPE_FACTOR], magnitude = mscale_of(factor, 1);

	if (conf->n[P_ROPE_TYPE] != ROPE_YARN || (conf->set[P_YARN_ATTN] && !conf->set[P_YARN_WHOLE]))
		return;
	if (!conf->set[P_YARN_MSCALE_ALL]) {
		if (conf->set[P_YARN_MSCALE] && conf->set[P_YARN_UNDER]) {
			conf->f[P_YARN_ATTN] = mscale_of(factor, conf->f[P_YARN_MSCALE]) / mscale_of(factor, conf->f[P_YARN_UNDER]);
			conf->set[P_YARN_ATTN] = true;
		}
		return;
	}
	if (conf->set[P_YARN_ATTN])
		magnitude = conf->f[P_YARN_ATTN];
	else if (conf->set[P_YARN_MSCALE])
		magnitude = mscale_of(factor, conf->f[P_YARN_MSCALE]) / mscale_of(factor, conf->f[P_YARN_MSCALE_ALL]);
	if (conf->set[P_YARN_WHOLE]) { /* what readers multiply by of themselves is taken back */
		conf->f[P_ROPE_MAGNITUDE] = magnitude / mscale_of(factor, 1);
		conf->set[P_ROPE_MAGNITUDE] = true;
		conf->set[P_YARN_ATTN] = false;
		return;
	}
	conf->f[P_YARN_ATTN] = magnitude;
	conf->set[P_YARN_ATTN] = magnitude != 1; /* with mscale_all_dim, 1 is what a reader takes where there is no key */
}
