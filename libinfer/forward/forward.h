/* The forward passes, one per architecture. */
#ifndef LIBINFER_FORWARD_H
#define LIBINFER_FORWARD_H

#include "../op.h"

extern const struct infer_forward infer_fwd_deepseek2;
extern const struct infer_forward infer_fwd_cohere;
extern const struct infer_forward infer_fwd_cohere2;
extern const struct infer_forward infer_fwd_falcon;
extern const struct infer_forward infer_fwd_gemma;
extern const struct infer_forward infer_fwd_gemma2;
extern const struct infer_forward infer_fwd_gemma3;
extern const struct infer_forward infer_fwd_gpt2;
extern const struct infer_forward infer_fwd_gptneox;
extern const struct infer_forward infer_fwd_gptoss;
extern const struct infer_forward infer_fwd_glm4;
extern const struct infer_forward infer_fwd_glm4moe;
extern const struct infer_forward infer_fwd_granite;
extern const struct infer_forward infer_fwd_granitemoe;
extern const struct infer_forward infer_fwd_grok;
extern const struct infer_forward infer_fwd_jamba;
extern const struct infer_forward infer_fwd_llama;
extern const struct infer_forward infer_fwd_llama4;
extern const struct infer_forward infer_fwd_minimaxm2;
extern const struct infer_forward infer_fwd_mistral3;
extern const struct infer_forward infer_fwd_mistral4;
extern const struct infer_forward infer_fwd_mamba;
extern const struct infer_forward infer_fwd_mamba2;
extern const struct infer_forward infer_fwd_nemotronh;
extern const struct infer_forward infer_fwd_nemotronh_moe;
extern const struct infer_forward infer_fwd_olmo2;
extern const struct infer_forward infer_fwd_olmo;
extern const struct infer_forward infer_fwd_olmoe;
extern const struct infer_forward infer_fwd_phi2;
extern const struct infer_forward infer_fwd_phi3;
extern const struct infer_forward infer_fwd_phimoe;
extern const struct infer_forward infer_fwd_qwen2;
extern const struct infer_forward infer_fwd_qwen2moe;
extern const struct infer_forward infer_fwd_qwen3;
extern const struct infer_forward infer_fwd_qwen3next;
extern const struct infer_forward infer_fwd_qwen35;
extern const struct infer_forward infer_fwd_qwen35moe;
extern const struct infer_forward infer_fwd_qwen3moe;
extern const struct infer_forward infer_fwd_seed_oss;
extern const struct infer_forward infer_fwd_smollm3;
extern const struct infer_forward infer_fwd_stablelm;
extern const struct infer_forward infer_fwd_starcoder2;

/* x += the feed-forward block of h, or each token's experts and what it passes beside them: of Llama's kin. */
void fwd_llama_feed_forward(struct infer_run *r, const struct infer_layer *l, float *x, const float *h);

/* x += what a state space makes of h [T, D]: of Mamba, with norms inside where the model has them, and of Mamba 2. */
void fwd_mamba_mixer(struct infer_run *r, const struct infer_w *w, float *x, const float *h);
void fwd_mamba2_mixer(struct infer_run *r, const struct infer_w *w, float *x, const float *h);

/* x += attention to h without positions, norms or biases. */
void fwd_attention_bare(struct infer_run *r, const struct infer_w *w, float *x, const float *h);

#endif
