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

/* What turns is multiplied by this. Source: transformers, modeling_rope_utils.py, _compute_yarn_parameters. */
static double yarn_magnitude(const struct arch_conf *conf, enum arch_param under)
{
	double factor = conf->f[P_ROPE_FACTOR];

	if (conf->set[P_YARN_ATTN])
		return conf->f[P_YARN_ATTN];
	if (conf->set[P_YARN_MSCALE] && conf->set[under])
		return mscale_of(factor, conf->f[P_YARN_MSCALE]) / mscale_of(factor, conf->f[under]);
	return mscale_of(factor, 1);
}

/* What llama.cpp multiplies by of itself, and it takes rope.scaling.attn_factor for another factor. */
static double readers_magnitude(const struct arch_conf *conf)
{
	double factor = conf->f[P_ROPE_FACTOR];

	if (conf->set[P_YARN_MSCALE_ALL] && !conf->set[P_YARN_WHOLE])
		return mscale_of(factor, 1) / mscale_of(factor, conf->f[P_YARN_MSCALE_ALL]);
	return mscale_of(factor, 1);
}

void rope_magnitude(struct arch_conf *conf)
{
	bool given = conf->set[P_YARN_ATTN], latent = conf->set[P_LATENT_ROPE] && !conf->set[P_YARN_WHOLE];
	double magnitude, reader;

	if (conf->n[P_ROPE_TYPE] != ROPE_YARN)
		return;
	magnitude = yarn_magnitude(conf, conf->set[P_YARN_MSCALE_ALL] ? P_YARN_MSCALE_ALL : P_YARN_UNDER);
	reader = readers_magnitude(conf);
	if (latent) { /* all scores would grow by rope.scaling.attn_factor; 1 is what a reader takes, with mscale_all_dim */
		conf->f[P_YARN_ATTN] = magnitude;
		conf->set[P_YARN_ATTN] = given || (conf->set[P_YARN_MSCALE_ALL] && magnitude != 1);
		return;
	}
	conf->f[P_ROPE_MAGNITUDE] = magnitude / reader;
	conf->set[P_ROPE_MAGNITUDE] = conf->set[P_YARN_WHOLE] || fabs(magnitude - reader) > 1e-7;
	conf->f[P_YARN_ATTN] = magnitude;
	conf->set[P_YARN_ATTN] = !conf->set[P_YARN_WHOLE] && (given || conf->set[P_ROPE_MAGNITUDE]);
}
