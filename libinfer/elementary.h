/* Elementary functions with the same bits on every machine: only +, -, *, / and shifts of IEEE 754 numbers, nothing of
 * the system's libm. Errors are stated in units in the last place of the result and checked by test_math.c. */
#ifndef LIBINFER_ELEMENTARY_H
#define LIBINFER_ELEMENTARY_H

#include <stddef.h>

/* exp: error under 0.51 ulp. Underflows through the subnormals to 0, overflows to infinity; NaN stays NaN. */
float infer_expf(float x);

/* dst[i] = infer_expf(src[i] - minus), for softmax; dst may be src. The same bits as one by one. */
void infer_expf_row(float *dst, const float *src, float minus, size_t n);

/* dst[i] = silu(gate[i]) * up[i], silu(x) = x / (1 + exp(-x)); dst may be either source. */
void infer_silu_mul_row(float *dst, const float *gate, const float *up, size_t n);

/* softplus, log(1 + exp(x)): relative error under 1e-7; x itself above 20, as transformers has it; NaN stays NaN. */
float infer_softplusf(float x);

/* tanh: error under 0.51 ulp; NaN stays NaN. */
float infer_tanhf(float x);

/* x[i] = cap * tanh(x[i] / cap), each step rounded. */
void infer_softcap_row(float *x, float cap, size_t n);

/* dst[i] = gelu(src[i]) by the tanh formula (arXiv:1606.08415), x / 2 (1 + tanh(sqrt(2 / pi) (x + 0.044715 x^3))), rounded
 * once: relative error under 1e-7, so that it is nearer the formula than float32 steps are. dst may be src. */
void infer_gelu_row(float *dst, const float *src, size_t n);

/* The same for GELU as it is defined, x / 2 (1 + erf(x / sqrt(2))). */
void infer_gelu_erf_row(float *dst, const float *src, size_t n);

/* sin and cos together: error under 0.51 ulp for |x| <= 2^26; NaN for infinities and NaN. */
void infer_sincosf(float x, float *sin_x, float *cos_x);

/* exp and natural logarithm in double: error under 2 ulp. log wants a positive normal number; exp saturates at the ends
 * (0 below -745, infinity above 709.79). pow is exp(y log x), x positive and normal: relative error 1e-13 for results
 * within 1e+-30. */
double infer_exp(double x);
double infer_log(double x);
double infer_pow(double x, double y);

#endif
