/* Numbers of rotary scalings that follow from others. */
#ifndef FMT_ROPE_FACTORS_H
#define FMT_ROPE_FACTORS_H

#include "arch_conf.h"

/* What llama3's scaling divides each of n frequencies by. Source: transformers, modeling_rope_utils.py,
 * _compute_llama3_parameters, in the float32 steps of the reference converter. */
void rope_factors_llama3(const struct arch_conf *conf, float *factors, uint64_t n);

/* The factor that LongRoPE (arXiv:2402.13753) puts on sin and cos: sqrt(1 + ln s / ln c) for a context c that was
 * trained first and is stretched s times; 1 where it is not. */
double rope_long_magnitude(const struct arch_conf *conf);

#endif
