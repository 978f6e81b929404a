/* Which architectures can be run: a row each. */
#include "forward/forward.h"

static const struct infer_forward *const table[] = {
	&infer_fwd_deepseek2,
	&infer_fwd_cohere,
	&infer_fwd_cohere2,
	&infer_fwd_falcon,
	&infer_fwd_gemma,
	&infer_fwd_gemma2,
	&infer_fwd_gemma3,
	&infer_fwd_gpt2,
	&infer_fwd_gptneox,
	&infer_fwd_gptoss,
	&infer_fwd_glm4,
	&infer_fwd_glm4moe,
	&infer_fwd_granite,
	&infer_fwd_granitemoe,
	&infer_fwd_grok,
	&infer_fwd_jamba,
	&infer_fwd_llama,
	&infer_fwd_llama4,
	&infer_fwd_minimaxm2,
	&infer_fwd_mistral3,
	&infer_fwd_mistral4,
	&infer_fwd_mamba,
	&infer_fwd_mamba2,
	&infer_fwd_nemotronh,
	&infer_fwd_nemotronh_moe,
	&infer_fwd_olmo2,
	&infer_fwd_olmo,
	&infer_fwd_olmoe,
	&infer_fwd_phi2,
	&infer_fwd_phi3,
	&infer_fwd_phimoe,
	&infer_fwd_qwen2,
	&infer_fwd_qwen2moe,
	&infer_fwd_qwen3,
	&infer_fwd_qwen3next,
	&infer_fwd_qwen35,
	&infer_fwd_qwen35moe,
	&infer_fwd_qwen3moe,
	&infer_fwd_seed_oss,
	&infer_fwd_smollm3,
	&infer_fwd_stablelm,
	&infer_fwd_starcoder2,
};

const struct infer_forward *infer_forward_find(struct fmt_str arch)
{
	for (size_t i = 0; i < sizeof table / sizeof *table; i++)
		if (fmt_str_is(arch, table[i]->arch))
			return table[i];
	return NULL;
}
