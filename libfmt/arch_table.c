/* The architectures that are described, and the keys that they share. */
#include "arch_desc.h"

const struct fmt_arch *const arch_table[] = {
	&arch_llama,
	&arch_llama4,
	&arch_minimaxm2,
	&arch_mistral,
	&arch_mistral3,
	&arch_ministral,
	&arch_ministral3,
	&arch_mistral4,
	&arch_mixtral,
	&arch_deepseek2,
	&arch_deepseek3,
	&arch_cohere,
	&arch_cohere2,
	&arch_falcon,
	&arch_gemma,
	&arch_gemma2,
	&arch_gemma3,
	&arch_gpt2,
	&arch_gptneox,
	&arch_gptoss,
	&arch_glm4,
	&arch_glm4moe,
	&arch_granite,
	&arch_granitemoe,
	&arch_grok,
	&arch_jamba,
	&arch_mamba,
	&arch_mamba2,
	&arch_nemotronh,
	&arch_nemotronh_moe,
	&arch_olmo,
	&arch_olmo2,
	&arch_olmo3,
	&arch_olmoe,
	&arch_phi2,
	&arch_phi3,
	&arch_phimoe,
	&arch_qwen2,
	&arch_qwen2moe,
	&arch_qwen3,
	&arch_qwen3moe,
	&arch_qwen3next,
	&arch_qwen35,
	&arch_qwen35moe,
	&arch_seed_oss,
	&arch_smollm3,
	&arch_stablelm,
	&arch_starcoder2,
	NULL,
};

const struct fmt_arch *const arch_counted[] = {
	&arch_gemma3n,
	&arch_gemma4,
	&arch_bloom,
	&arch_opt,
	&arch_gptj,
	&arch_mpt,
	&arch_gptbigcode,
	&arch_glm,
	&arch_ernie4_5,
	&arch_hunyuan_dense,
	&arch_exaone4,
	&arch_arcee,
	&arch_apertus,
	&arch_nemotron,
	&arch_qwen2vl,
	&arch_qwen3vl,
	&arch_qwen3vlmoe,
	&arch_ernie4_5_moe,
	&arch_dots1,
	&arch_exaone_moe,
	&arch_hunyuan_moe,
	&arch_hy_v3,
	&arch_solar_open,
	&arch_afmoe,
	&arch_laguna,
	&arch_kimi_k25,
	&arch_deepseek32,
	&arch_glm_dsa,
	&arch_glm4_lite,
	&arch_youtu,
	&arch_falcon_mamba,
	&arch_bamba,
	&arch_falcon_h1,
	&arch_granite_hybrid,
	&arch_lfm2,
	&arch_lfm2moe,
	NULL,
};

const struct fmt_arch *const arch_vocab_only[] = {
	&arch_bert,
	NULL,
};

const struct arch_key arch_common_keys[] = {
	{ "block_count", FMT_KV_U32, P_LAYERS },
	{ "context_length", FMT_KV_U32, P_CONTEXT },
	{ "embedding_length", FMT_KV_U32, P_MODEL },
	{ "feed_forward_length", FMT_KV_U32, P_FF },
	{ "attention.head_count", FMT_KV_U32, P_HEADS },
	{ "attention.head_count_kv", FMT_KV_U32, P_HEADS_KV },
	{ "rope.scaling.type", FMT_KV_STR, P_ROPE_TYPE, { P_ROPE_TYPE, ROPE_LINEAR } },
	{ "rope.scaling.factor", FMT_KV_F32, P_ROPE_FACTOR, { P_ROPE_TYPE, ROPE_LINEAR } },
	{ "rope.scaling.type", FMT_KV_STR, P_ROPE_TYPE, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.factor", FMT_KV_F32, P_ROPE_FACTOR, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.original_context_length", FMT_KV_U32, P_ROPE_ORIG_CONTEXT, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.yarn_truncate", FMT_KV_BOOL, P_YARN_TRUNCATE, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.yarn_ext_factor", FMT_KV_F32, P_YARN_EXT, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.yarn_attn_factor", FMT_KV_F32, P_YARN_ATTN, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.attn_factor", FMT_KV_F32, P_ROPE_MAGNITUDE, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.yarn_beta_fast", FMT_KV_F32, P_YARN_BETA_FAST, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.scaling.yarn_beta_slow", FMT_KV_F32, P_YARN_BETA_SLOW, { P_ROPE_TYPE, ROPE_YARN } },
	{ "rope.dimension_sections", FMT_KV_ARR, P_ROPE_TIME, { P_ROPE_SECTIONS, ARCH_SET } },
	{ "rope.freq_base", FMT_KV_F32, P_ROPE_THETA },
	{ "rope.freq_base_swa", FMT_KV_F32, P_ROPE_THETA_WINDOW },
	{ "attention.layer_norm_rms_epsilon", FMT_KV_F32, P_NORM_EPS },
	{ "expert_count", FMT_KV_U32, P_EXPERTS },
	{ "expert_used_count", FMT_KV_U32, P_EXPERTS_USED },
	{ "expert_group_count", FMT_KV_U32, P_GROUPS },
	{ "expert_group_used_count", FMT_KV_U32, P_GROUPS_USED },
	{ "expert_gating_func", FMT_KV_U32, P_GATING },
	/* latent attention is attention to one wide head, whose values are part of its keys */
	{ "attention.key_length", FMT_KV_U32, P_LATENT_KEPT },
	{ "attention.value_length", FMT_KV_U32, P_LATENT },
	{ "attention.key_length", FMT_KV_U32, P_HEAD_DIM, { P_HEAD_GIVEN, ARCH_SET } },
	{ "attention.value_length", FMT_KV_U32, P_HEAD_DIM, { P_HEAD_GIVEN, ARCH_SET } },
	ARCH_FILE_TYPE,
	{ NULL },
};

const struct fmt_arch *fmt_arch_by_gguf(struct fmt_str name)
{
	for (const struct fmt_arch *const *a = arch_table; *a; a++)
		if (fmt_str_is(name, (*a)->gguf))
			return *a;
	return NULL;
}

static bool has_word(const char *const *words, struct fmt_str word)
{
	for (; *words; words++)
		if (fmt_str_is(word, *words))
			return true;
	return false;
}

const struct fmt_arch *arch_find(const struct fmt_arch *const *table, struct fmt_str class, struct fmt_str type)
{
	for (; (class.n || type.n) && *table; table++)
		if ((!class.n || has_word((*table)->classes, class)) && (!type.n || has_word((*table)->types, type)))
			return *table;
	return NULL;
}

const struct fmt_arch *fmt_arch_by_class(struct fmt_str name)
{
	return arch_find(arch_table, name, FMT_STR(""));
}

static const struct arch_tensor *find_role(const struct arch_tensor *table, enum fmt_role role)
{
	while (table && table->role && table->role != role)
		table++;
	return table && table->role ? table : NULL;
}

const struct arch_tensor *arch_row_of(const struct fmt_arch *arch, enum fmt_role role, bool in_layer)
{
	const struct arch_tensor *row = find_role(in_layer ? arch->layers : arch->globals, role);

	for (const struct arch_tensor *const *part = arch->parts; !row && in_layer && part && *part; part++)
		row = find_role(*part, role);
	return row || !in_layer ? row : find_role(arch->next, role);
}

bool fmt_arch_requires(const struct fmt_arch *arch, enum fmt_role role, bool in_layer)
{
	const struct arch_tensor *row = arch ? arch_row_of(arch, role, in_layer) : NULL;

	return row && !row->may_lack && !row->when.param && !(row->in & ~(unsigned)(LAYER_DENSE | LAYER_MOE));
}

const struct fmt_arch *arch_by_type(struct fmt_str name)
{
	return arch_find(arch_table, FMT_STR(""), name);
}
