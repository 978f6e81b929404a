"""Tiny models of every architecture, in the settings that their config.json can ask for, made and run by transformers' own
classes. Weights are random and large enough that a wrong position, window, bias or norm shows.

usage: gen_model.py FOLDER [NAME...]   writes FOLDER/NAME/ (a model), FOLDER/NAME.safetensors (ids, logits) and FOLDER/NAME.ids
"""
import json
import math
import os
import shutil
import sys

N_IDS = 96

# The folder of a class's tokenizer, and its tokenizer.ggml.pre. Llama's for those that are not named; but transformers 5
# adds tokens of its own to a tokenizer that does not look like the class's, and the reference converter wants its own files.
TOKENIZERS = {"Qwen2": ("../shared/models/qwen2", "qwen2"), "Qwen2Moe": ("../shared/models/qwen2", "qwen2"),
              "Gemma": ("../shared/models/gemma2", None), "Gemma2": ("../shared/models/gemma2", None),
              "Gemma3Text": ("../shared/models/gemma2", None), "Gemma3": ("../shared/models/gemma2", None),
              "Phi3": ("../shared/models/phi3", None), "Phimoe": ("../shared/models/phi3", None), "GPT2": ("../shared/models/gpt2", "gpt-2"),
              "Grok": ("../shared/models/llama2-sharded", None), "DeepseekV2": ("../shared/models/deepseek_v3", "deepseek-v3"),
              "DeepseekV3": ("../shared/models/deepseek_v3", "deepseek-v3"),
              "Jamba": ("../shared/models/llama2-sharded", None)}
TOKENIZER = ("testdata/models/llama", "llama-bpe")

BASE = dict(hidden_size=64, intermediate_size=172, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
            vocab_size=1024, max_position_embeddings=128, bos_token_id=1019, eos_token_id=1020, pad_token_id=None,
            rms_norm_eps=1e-5, tie_word_embeddings=False)
ROPE = dict(rope_theta=10000.0)
YARN = dict(ROPE, rope_type="yarn", factor=4.0, original_max_position_embeddings=32)
LLAMA3 = dict(rope_theta=500000.0, rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
MIXTRAL = dict(num_local_experts=6, num_experts_per_tok=2, intermediate_size=44)
QWEN3_MOE = dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=44, head_dim=24)
GEMMA2 = dict(head_dim=24, sliding_window=17, attn_logit_softcapping=3.0, final_logit_softcapping=5.0, tie_word_embeddings=True)
GEMMA3 = dict(head_dim=24, num_hidden_layers=7, sliding_window=17, tie_word_embeddings=True, rms_norm_eps=1e-6)
VISION = dict(hidden_size=16, intermediate_size=24, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
PIXTRAL = dict(VISION, head_dim=8)
QWEN35_SEES = dict(depth=1, hidden_size=16, intermediate_size=24, num_heads=2, out_hidden_size=64, num_position_embeddings=16)
MINISTRAL = dict(rope_type="yarn", rope_theta=10000.0, factor=8.0, original_max_position_embeddings=16, beta_fast=4.0,
                 beta_slow=1.0, mscale=1.0, mscale_all_dim=1.0, llama_4_scaling_beta=0.5)
LLAMA4 = dict(num_hidden_layers=5, head_dim=16, num_local_experts=6, num_experts_per_tok=1, intermediate_size=44,
              intermediate_size_mlp=100)
LLAMA4_SEES = dict(VISION, vision_output_dim=16, projector_input_dim=16, projector_output_dim=16)
MINIMAX = dict(num_local_experts=6, num_experts_per_tok=2, intermediate_size=44, head_dim=24)
PHIMOE = dict(num_local_experts=6, num_experts_per_tok=2, intermediate_size=44, vocab_size=1029)
FALCON = dict(max_position_embeddings=2048, tie_word_embeddings=True)
PHI3 = dict(vocab_size=1029)
DEEPSEEK = dict(num_key_value_heads=4, kv_lora_rank=20, q_lora_rank=24, qk_nope_head_dim=12, qk_rope_head_dim=8, v_head_dim=10,
                n_routed_experts=8, num_experts_per_tok=3, moe_intermediate_size=28, n_shared_experts=2,
                first_k_dense_replace=1, bos_token_id=0, eos_token_id=1)
DEEPSEEK_LITE = dict(DEEPSEEK, q_lora_rank=None, n_group=1, topk_group=1, topk_method="greedy", scoring_func="softmax")
GLM = dict(n_routed_experts=8, num_experts_per_tok=3, moe_intermediate_size=28, head_dim=24)
COHERE2 = dict(rms_norm_eps=..., num_hidden_layers=4, tie_word_embeddings=True, rotary_pct=1.0)
GRANITE_MOE = dict(num_local_experts=6, num_experts_per_tok=2, intermediate_size=44)
GPT_OSS = dict(num_hidden_layers=4, num_local_experts=6, num_experts_per_tok=2, intermediate_size=96, head_dim=24,
               sliding_window=17)
MAMBA = {**{name: ... for name in ("intermediate_size", "num_attention_heads", "num_key_value_heads", "max_position_embeddings",
                                  "rms_norm_eps")}, "hidden_size": 64, "expand": 2}
QWEN3_NEXT = dict(num_experts=6, num_experts_per_tok=2, moe_intermediate_size=44, shared_expert_intermediate_size=36, head_dim=32,
                  linear_num_key_heads=4, linear_num_value_heads=4, linear_key_head_dim=16, linear_value_head_dim=16)
JAMBA = dict(num_hidden_layers=5, attn_layer_period=3, attn_layer_offset=1, intermediate_size=44, num_experts=6, mamba_d_state=12,
             num_experts_per_tok=2)
NEMOTRON_H = dict(num_hidden_layers=..., head_dim=24, mamba_num_heads=8, mamba_head_dim=16, n_groups=2, ssm_state_size=10,
                  layers_block_type=["mamba", "mlp", "attention", "mlp", "mamba"])
NEMOTRON_H_MOE = dict(NEMOTRON_H, layers_block_type=["mamba", "moe", "attention", "moe", "mamba"], n_routed_experts=6,
                      num_experts_per_tok=2, moe_intermediate_size=44, moe_shared_expert_intermediate_size=36)
QWEN35 = {key: value for key, value in QWEN3_NEXT.items() if key.startswith("linear") or key == "head_dim"}
QWEN35_MOE = dict(QWEN3_NEXT, intermediate_size=...)
DEEPSEEK_YARN = dict(ROPE, rope_type="yarn", factor=8.0, original_max_position_embeddings=16, beta_fast=4.0)


def longrope(n):
    return dict(ROPE, rope_type="longrope", long_factor=[1.5 + i for i in range(n)], short_factor=[1 + i / 7 for i in range(n)])


# name: (class without "Config", settings; ...: not even the usual one). New ones go to the end: a place is a seed.
MODELS = {
    "plain": ("Llama", {}),
    "multi-head": ("Llama", dict(num_key_value_heads=4)),
    "multi-query-tied": ("Llama", dict(num_key_value_heads=1, tie_word_embeddings=True)),
    "biases": ("Llama", dict(attention_bias=True, mlp_bias=True)),
    "head-dim": ("Llama", dict(head_dim=40)),
    "padded-vocabulary": ("Llama", dict(vocab_size=1091)),
    "theta": ("Llama", dict(rope_parameters=dict(rope_type="default", rope_theta=1000000.0))),
    "linear": ("Llama", dict(rope_parameters=dict(ROPE, rope_type="linear", factor=4.0))),
    "dynamic": ("Llama", dict(rope_parameters=dict(ROPE, rope_type="dynamic", factor=2.0))),
    "yarn": ("Llama", dict(rope_parameters=YARN)),
    "yarn-settings": ("Llama", dict(rope_parameters=dict(ROPE, rope_type="yarn", factor=8.0, beta_fast=16.0, beta_slow=2.0,
                                                         attention_factor=1.3, original_max_position_embeddings=16))),
    "llama3": ("Llama", dict(head_dim=64, rope_parameters=LLAMA3)),
    "mistral": ("Mistral", dict(sliding_window=None)),
    "mistral-window": ("Mistral", dict(sliding_window=17, head_dim=24)),
    "mixtral": ("Mixtral", MIXTRAL),
    "mixtral-window": ("Mixtral", dict(MIXTRAL, num_experts_per_tok=3, sliding_window=17, head_dim=24, tie_word_embeddings=True)),
    "qwen2": ("Qwen2", dict(tie_word_embeddings=True)),
    "qwen2-window": ("Qwen2", dict(use_sliding_window=True, sliding_window=17, max_window_layers=1, num_key_value_heads=4)),
    "qwen2-yarn": ("Qwen2", dict(rope_parameters=YARN)),
    "qwen3": ("Qwen3", dict(head_dim=24)),
    "qwen3-window": ("Qwen3", dict(attention_bias=True, use_sliding_window=True, sliding_window=17, max_window_layers=2,
                                   tie_word_embeddings=True, head_dim=16)),
    "qwen2moe": ("Qwen2Moe", dict(QWEN3_MOE, head_dim=16, shared_expert_intermediate_size=56)),
    "qwen2moe-window": ("Qwen2Moe", dict(QWEN3_MOE, head_dim=16, shared_expert_intermediate_size=56, norm_topk_prob=True,
                                         use_sliding_window=True, sliding_window=17, max_window_layers=1)),
    "qwen2moe-dense": ("Qwen2Moe", dict(QWEN3_MOE, head_dim=16, shared_expert_intermediate_size=56, decoder_sparse_step=2,
                                        qkv_bias=False)),
    "qwen3moe": ("Qwen3Moe", dict(QWEN3_MOE, norm_topk_prob=True)),
    "qwen3moe-weights": ("Qwen3Moe", dict(QWEN3_MOE, num_experts=11, attention_bias=True, tie_word_embeddings=True)),
    "qwen3moe-dense": ("Qwen3Moe", dict(QWEN3_MOE, norm_topk_prob=True, mlp_only_layers=[1], use_sliding_window=True,
                                        sliding_window=17)),
    "olmoe": ("Olmoe", dict(num_experts=6, num_experts_per_tok=2, intermediate_size=44, num_key_value_heads=4)),
    "olmoe-weights": ("Olmoe", dict(num_experts=5, num_experts_per_tok=3, intermediate_size=44, norm_topk_prob=True,
                                    clip_qkv=0.5)),
    "qwen3-dynamic": ("Qwen3", dict(rope_parameters=dict(ROPE, rope_type="dynamic", factor=2.0))),
    "mixtral-llama3": ("Mixtral", dict(MIXTRAL, rope_parameters=LLAMA3)),
    "smollm3": ("SmolLM3", dict(num_hidden_layers=5, tie_word_embeddings=True)),
    "smollm3-pattern": ("SmolLM3", dict(attention_bias=True, no_rope_layers=[0, 1, 0], use_sliding_window=True, sliding_window=17)),
    "gemma2": ("Gemma2", dict(GEMMA2, query_pre_attn_scalar=24)),
    "gemma2-scale": ("Gemma2", dict(GEMMA2, query_pre_attn_scalar=50, num_key_value_heads=4, attn_logit_softcapping=None,
                                    final_logit_softcapping=None, rope_parameters=dict(rope_type="default", rope_theta=500.0))),
    "gemma2-layers": ("Gemma2", dict(GEMMA2, query_pre_attn_scalar=24, layer_types=["full_attention", "sliding_attention"] * 2,
                                     num_hidden_layers=4, rope_parameters=dict(ROPE, rope_type="linear", factor=4.0))),
    "phi3": ("Phi3", dict(PHI3, sliding_window=17)),
    "phi3-part": ("Phi3", dict(PHI3, tie_word_embeddings=True, original_max_position_embeddings=128,
                               rope_parameters=dict(rope_type="default", rope_theta=600.0, partial_rotary_factor=0.5))),
    "phi3-long": ("Phi3", dict(PHI3, original_max_position_embeddings=64, rope_parameters=longrope(8))),
    "phi3-short": ("Phi3", dict(PHI3, original_max_position_embeddings=100, rope_parameters=dict(
        longrope(6), partial_rotary_factor=0.75, attention_factor=1.4))),
    "gpt2": ("GPT2", dict(n_ctx=128)), # the reference converter wants it
    "gpt2-untied": ("GPT2", dict(n_ctx=128, tie_word_embeddings=False, n_inner=100, activation_function="gelu_pytorch_tanh",
                                 layer_norm_epsilon=1e-3)),
    "olmo2": ("Olmo2", dict(num_key_value_heads=4)),
    "olmo2-yarn": ("Olmo2", dict(rope_parameters=YARN, tie_word_embeddings=True)),
    "granite": ("Granite", dict(embedding_multiplier=3.0, residual_multiplier=0.4, attention_multiplier=0.2, logits_scaling=2.0,
                                tie_word_embeddings=True)),
    "granite-biases": ("Granite", dict(embedding_multiplier=1.5, residual_multiplier=0.7, attention_multiplier=0.3,
                                       logits_scaling=0.5, attention_bias=True, mlp_bias=True)),
    "stablelm": ("StableLm", dict(layer_norm_eps=1e-4)),
    "stablelm-parallel": ("StableLm", dict(use_parallel_residual=True, use_qkv_bias=True, num_key_value_heads=4,
                                           rope_parameters=dict(ROPE, rope_type="default", partial_rotary_factor=0.5))),
    "stablelm-theta": ("StableLm", dict(rope_parameters=dict(rope_theta=500000.0, rope_type="default",
                                                             partial_rotary_factor=0.25))),
    "gemma": ("Gemma", dict(head_dim=24, tie_word_embeddings=True)),
    "gemma-theta": ("Gemma", dict(head_dim=16, num_key_value_heads=4, tie_word_embeddings=True,
                                  rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=4.0))),
    "starcoder2": ("Starcoder2", dict(tie_word_embeddings=True, rms_norm_eps=...)),
    "starcoder2-window": ("Starcoder2", dict(use_bias=False, sliding_window=17, norm_epsilon=1e-3, rms_norm_eps=...,
                                             rope_parameters=dict(rope_type="linear", rope_theta=500.0, factor=2.0))),
    "phi2": ("Phi", dict(num_key_value_heads=4, intermediate_size=256)),
    "phi2-part": ("Phi", dict(num_key_value_heads=4, intermediate_size=256, layer_norm_eps=1e-3, hidden_act="gelu_pytorch_tanh",
                              rope_parameters=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.75))),
    "gptneox": ("GPTNeoX", dict(rotary_pct=0.25)),
    "gptneox-in-turn": ("GPTNeoX", dict(use_parallel_residual=False, hidden_act="gelu_new", rotary_pct=0.5, rotary_emb_base=500,
                                        layer_norm_eps=1e-3)),
    "gptneox-bare": ("GPTNeoX", dict(attention_bias=False, tie_word_embeddings=True)),
    "falcon-7b": ("Falcon", dict(FALCON, num_kv_heads=1)),
    "falcon-40b": ("Falcon", dict(FALCON, num_kv_heads=2, new_decoder_architecture=True)),
    "falcon-biases": ("Falcon", dict(FALCON, num_kv_heads=2, new_decoder_architecture=True, bias=True)),
    "falcon-one-norm": ("Falcon", dict(FALCON, tie_word_embeddings=False, num_kv_heads=2, new_decoder_architecture=True,
                                       num_ln_in_parallel_attn=1, ffn_hidden_size=100, activation="gelu_pytorch_tanh",
                                       layer_norm_epsilon=1e-3,
                                       rope_parameters=dict(rope_type="default", rope_theta=500.0))),
    "falcon-heads": ("Falcon", dict(FALCON, num_kv_heads=4, multi_query=False)),
    "cohere": ("Cohere", dict(tie_word_embeddings=True, rms_norm_eps=..., logit_scale=0.25)),
    "cohere-norms": ("Cohere", dict(use_qk_norm=True, rms_norm_eps=..., tie_word_embeddings=True, layer_norm_eps=1e-3)),
    # llama.cpp knows the models without a low rank of queries by their 26 or 27 layers
    "deepseek2-lite": ("DeepseekV2", dict(DEEPSEEK_LITE, num_hidden_layers=27, num_experts_per_tok=2,
                                          rope_parameters=dict(DEEPSEEK_YARN, mscale=0.707, mscale_all_dim=0.707))),
    "deepseek2-plain": ("DeepseekV2", dict(DEEPSEEK_LITE, num_attention_heads=6, num_key_value_heads=6,
                                           hidden_size=72, num_experts_per_tok=2, routed_scaling_factor=3.0, first_k_dense_replace=0,
                                           tie_word_embeddings=True)),
    "deepseek2-groups": ("DeepseekV2", dict(DEEPSEEK, n_group=4, topk_group=2, topk_method="group_limited_greedy",
                                            scoring_func="softmax", routed_scaling_factor=2.0, rope_parameters=DEEPSEEK_YARN)),
    "deepseek2-greedy": ("DeepseekV2", dict(DEEPSEEK, n_group=4, topk_group=2, num_attention_heads=11,
                                            num_key_value_heads=11, hidden_size=88)),
    "deepseek3": ("DeepseekV3", dict(DEEPSEEK, n_group=4, topk_group=2, scoring_func="sigmoid", rope_parameters=dict(
        DEEPSEEK_YARN, mscale=1.0, mscale_all_dim=1.0))),
    "deepseek3-kimi": ("DeepseekV3", dict(DEEPSEEK, n_group=1, topk_group=1, norm_topk_prob=False, routed_scaling_factor=0.7,
                                          scoring_func="sigmoid", num_nextn_predict_layers=1)),
    "deepseek3-magnitude": ("DeepseekV3", dict(DEEPSEEK, q_lora_rank=None, n_group=2, topk_group=1, num_experts_per_tok=4,
                                               rope_parameters=dict(DEEPSEEK_YARN, mscale=1.3, mscale_all_dim=0.6))),
    "glm4moe": ("Glm4Moe", dict(GLM, attention_bias=True, n_shared_experts=1)),
    "glm4moe-groups": ("Glm4Moe", dict(GLM, use_qk_norm=True, n_group=4, topk_group=2, n_shared_experts=2, norm_topk_prob=False,
                                       routed_scaling_factor=1.7, first_k_dense_replace=0,
                                       rope_parameters=dict(ROPE, rope_type="default", partial_rotary_factor=0.75))),
    "cohere2": ("Cohere2", dict(COHERE2, sliding_window=17)),
    "cohere2-layers": ("Cohere2", dict(COHERE2, sliding_window=9, logit_scale=0.3, layer_norm_eps=1e-3,
                                       layer_types=["full_attention", "sliding_attention"] * 2)),
    "granitemoe": ("GraniteMoe", dict(GRANITE_MOE, attention_multiplier=0.2, logits_scaling=2.0)),
    "granitemoe-biases": ("GraniteMoe", dict(GRANITE_MOE, num_local_experts=5, num_experts_per_tok=3, attention_bias=True,
                                             tie_word_embeddings=True, residual_multiplier=0.4)),
    "granitemoe-shared": ("GraniteMoeShared", dict(GRANITE_MOE, shared_intermediate_size=36, embedding_multiplier=2.0)),
    "glm4": ("Glm4", dict(head_dim=24, attention_bias=True)),
    "glm4-part": ("Glm4", dict(head_dim=16, attention_bias=False, tie_word_embeddings=True, num_key_value_heads=4,
                               rope_parameters=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.75))),
    "gptoss": ("GptOss", dict(GPT_OSS, rope_parameters=YARN)),
    "gptoss-layers": ("GptOss", dict(GPT_OSS, num_local_experts=5, num_experts_per_tok=3, attention_bias=False, sliding_window=9,
                                     tie_word_embeddings=True, layer_types=["full_attention", "sliding_attention"] * 2,
                                     rope_parameters=dict(ROPE, rope_type="default"))),
    "gptoss-mxfp4": ("GptOss", dict(GPT_OSS, rope_parameters=dict(YARN, truncate=False), quantization_config=dict(
        quant_method="mxfp4"))),
    "gemma3": ("Gemma3Text", dict(GEMMA3, query_pre_attn_scalar=24)),
    "gemma3-linear": ("Gemma3Text", dict(GEMMA3, num_key_value_heads=4, query_pre_attn_scalar=24, rope_parameters=dict(
        full_attention=dict(rope_type="linear", rope_theta=50000.0, factor=4.0),
        sliding_attention=dict(rope_type="default", rope_theta=500.0)))),
    "gemma3-scale": ("Gemma3Text", dict(GEMMA3, query_pre_attn_scalar=50, final_logit_softcapping=5.0, num_hidden_layers=6,
                                        layer_types=["full_attention", "sliding_attention", "sliding_attention"] * 2)),
    "gemma3-sees": ("Gemma3", dict(GEMMA3, query_pre_attn_scalar=24, vision_config=VISION)),
    "mistral3": ("Mistral3", dict(text_config="Mistral", head_dim=24, sliding_window=None, vision_config=PIXTRAL)),
    "ministral3": ("Ministral3", dict(head_dim=24, rope_parameters=MINISTRAL)),
    "ministral3-sees": ("Mistral3", dict(text_config="Ministral3", head_dim=16, tie_word_embeddings=True, vision_config=PIXTRAL,
                                         num_key_value_heads=4, rope_parameters=dict(MINISTRAL, llama_4_scaling_beta=0.7, mscale_all_dim=0.6))),
    "ministral": ("Ministral", dict(head_dim=24, sliding_window=17, layer_types=["sliding_attention", "full_attention"] * 2,
                                    num_hidden_layers=4)),
    "llama4": ("Llama4Text", dict(LLAMA4, interleave_moe_layer_step=2)),
    "llama4-chunks": ("Llama4Text", dict(LLAMA4, attention_chunk_size=17, floor_scale=9, attn_scale=0.7, num_experts_per_tok=2,
                                         use_qk_norm=False, no_rope_layers=[1, 0, 1, 1, 0], moe_layers=[0, 3])),
    "llama4-sees": ("Llama4", dict(LLAMA4, num_experts_per_tok=2, attn_temperature_tuning=False, vision_config=LLAMA4_SEES,
                                   rope_parameters=dict(LLAMA3, high_freq_factor=1.0))),
    "minimaxm2": ("MiniMaxM2", dict(MINIMAX, rotary_dim=12, scoring_func="sigmoid", rope_parameters=dict(ROPE, rope_type="default", partial_rotary_factor=0.5))),
    "minimaxm2-more": ("MiniMaxM2", dict(MINIMAX, num_local_experts=9, num_experts_per_tok=3, num_key_value_heads=4, rotary_dim=24,
                                         tie_word_embeddings=True, rope_parameters=dict(rope_type="default", rope_theta=500.0))),
    "olmo3": ("Olmo3", dict(num_hidden_layers=5, sliding_window=17)),
    "olmo3-layers": ("Olmo3", dict(num_key_value_heads=4, sliding_window=9, num_hidden_layers=4,
                                   layer_types=["full_attention", "sliding_attention"] * 2,
                                   rope_parameters=dict(rope_type="default", rope_theta=500.0))),
    "mamba": ("Mamba", dict(MAMBA, tie_word_embeddings=True, time_step_rank="auto")),
    "mamba-settings": ("Mamba", dict(MAMBA, time_step_rank=7, state_size=5, conv_kernel=3, layer_norm_epsilon=1e-3)),
    "mamba-biases": ("Mamba", dict(MAMBA, use_bias=True, use_conv_bias=False, time_step_rank=7, state_size=5, conv_kernel=3,
                                   layer_norm_epsilon=1e-3)),
    "mamba2": ("Mamba2", dict(MAMBA, num_heads=8, head_dim=16, n_groups=1, state_size=12)),
    "mamba2-groups": ("Mamba2", dict(MAMBA, num_heads=16, head_dim=8, n_groups=4, state_size=12, tie_word_embeddings=True,
                                     layer_norm_epsilon=1e-3)),
    "mamba2-biases": ("Mamba2", dict(MAMBA, num_heads=4, head_dim=32, n_groups=2, state_size=9, conv_kernel=3, use_bias=True,
                                     use_conv_bias=False)),
    "phimoe": ("Phimoe", dict(PHIMOE, attention_bias=True, lm_head_bias=True, original_max_position_embeddings=64, rope_parameters=dict(
        longrope(8), original_max_position_embeddings=64, short_mscale=1.1, long_mscale=1.3))),
    "phimoe-short": ("Phimoe", dict(PHIMOE, num_local_experts=9, router_jitter_noise=0.2, original_max_position_embeddings=100,
                                    rope_parameters=dict(longrope(8), original_max_position_embeddings=100, short_mscale=1.1,
                                                         long_mscale=1.3))),
    "qwen3next": ("Qwen3Next", dict(QWEN3_NEXT, num_hidden_layers=4)),
    "qwen3next-layers": ("Qwen3Next", dict(QWEN3_NEXT, linear_num_value_heads=6, linear_num_key_heads=2, linear_conv_kernel_dim=3,
                                           tie_word_embeddings=True, num_experts=9, num_experts_per_tok=3,
                                           layer_types=["full_attention", "linear_attention", "linear_attention"],
                                           rope_parameters=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.5))),
    "olmo": ("Olmo", dict(rms_norm_eps=...)),
    "olmo-clipped": ("Olmo", dict(rms_norm_eps=..., clip_qkv=0.5, tie_word_embeddings=True, num_key_value_heads=4)),
    "glm4moe-next": ("Glm4Moe", dict(GLM, attention_bias=True, use_qk_norm=True, num_nextn_predict_layers=1)),
    "qwen3next-next": ("Qwen3Next", dict(QWEN3_NEXT, num_hidden_layers=4)),
    "grok": ("Grok", dict(tie_word_embeddings=True)),
    "grok-scales": ("Grok", dict(tie_word_embeddings=True, num_key_value_heads=4, num_local_experts=5, num_experts_per_tok=3, rope_theta=500.0,
                                 attn_logit_softcapping=4.0, attn_output_multiplier=0.4, rms_norm_eps=1e-3)),
    "mistral4": ("Mistral3", dict(DEEPSEEK, text_config="Mistral4", vision_config=PIXTRAL, rope_parameters=dict(MINISTRAL, type="yarn"))),
    "mistral4-groups": ("Mistral4", dict(DEEPSEEK, q_lora_rank=None, first_k_dense_replace=0, n_group=2, topk_group=1, norm_topk_prob=False,
                                         routed_scaling_factor=1.4, rope_parameters=dict(MINISTRAL, type="yarn", mscale_all_dim=0.6))),
    "deepseek3-next": ("DeepseekV3", dict(DEEPSEEK, n_group=1, topk_group=1, scoring_func="sigmoid", num_nextn_predict_layers=1)),
    "jamba": ("Jamba", JAMBA),
    "jamba-settings": ("Jamba", dict(JAMBA, num_hidden_layers=4, attn_layer_period=2, attn_layer_offset=0, expert_layer_period=3,
                                     expert_layer_offset=2, mamba_d_state=9, mamba_d_conv=3, mamba_dt_rank=7, num_key_value_heads=4,
                                     tie_word_embeddings=True, num_experts=5, num_experts_per_tok=3, rms_norm_eps=1e-3)),
    "jamba-biases": ("Jamba", dict(JAMBA, num_experts=1, num_experts_per_tok=1, mamba_proj_bias=True, mamba_conv_bias=False,
                                   mamba_expand=3)),
    "nemotronh": ("NemotronH", NEMOTRON_H),
    "nemotronh-steps": ("NemotronH", dict(NEMOTRON_H, n_groups=4, conv_kernel=3, num_key_value_heads=4, tie_word_embeddings=True,
                                          time_step_limit=[0.6, float("inf")], layer_norm_epsilon=1e-3)),
    "nemotronh-moe": ("NemotronH", dict(NEMOTRON_H_MOE, routed_scaling_factor=2.5)),
    "nemotronh-latent": ("NemotronH", dict(NEMOTRON_H_MOE, moe_latent_size=40, n_routed_experts=8, num_experts_per_tok=3, n_group=4,
                                           topk_group=2, norm_topk_prob=False)),
    "nemotronh-both": ("NemotronH", dict(NEMOTRON_H_MOE, moe_latent_size=80, use_conv_bias=False,
                                         layers_block_type=["mlp", "moe", "attention", "mamba", "mlp"])),
    "mamba2-steps": ("Mamba2", dict(MAMBA, num_heads=8, head_dim=16, n_groups=2, state_size=12, time_step_limit=[0.5, 0.8])),
    "qwen35": ("Qwen3_5Text", dict(QWEN35, num_hidden_layers=4)),
    "qwen35-layers": ("Qwen3_5Text", dict(QWEN35, linear_num_value_heads=6, linear_num_key_heads=2, linear_conv_kernel_dim=3,
                                          tie_word_embeddings=True, layer_types=["full_attention", "linear_attention", "linear_attention"],
                                          rope_parameters=dict(rope_type="default", rope_theta=500.0, partial_rotary_factor=0.5,
                                                               mrope_section=[3, 3, 2]))),
    "qwen35-next": ("Qwen3_5Text", dict(QWEN35, num_hidden_layers=4, linear_num_value_heads=8)),
    "qwen35moe-next": ("Qwen3_5MoeText", dict(QWEN35_MOE, num_hidden_layers=4)),
    "qwen35-sees": ("Qwen3_5", dict(QWEN35, num_hidden_layers=4, linear_num_value_heads=8, vision_config=QWEN35_SEES)),
    "qwen35moe": ("Qwen3_5MoeText", dict(QWEN35_MOE, num_hidden_layers=4, linear_num_value_heads=8)),
    "qwen35moe-layers": ("Qwen3_5MoeText", dict(QWEN35_MOE, linear_num_value_heads=6, linear_num_key_heads=2, num_experts=9,
                                                num_experts_per_tok=3, tie_word_embeddings=True,
                                                layer_types=["full_attention", "linear_attention", "linear_attention"])),
    "qwen35moe-sees": ("Qwen3_5Moe", dict(QWEN35_MOE, num_hidden_layers=4, linear_num_value_heads=8, vision_config=QWEN35_SEES)),
    "seedoss": ("SeedOss", dict(head_dim=24)),
    "seedoss-biases": ("SeedOss", dict(head_dim=16, attention_bias=False, attention_out_bias=True, mlp_bias=True, tie_word_embeddings=True,
                                       num_key_value_heads=4, rope_parameters=YARN)),
    "stablelm-norms": ("StableLm", dict(use_parallel_residual=True, qk_layernorm=True)),
    "yarn-magnitudes": ("Llama", dict(rope_parameters=dict(YARN, mscale=0.8, mscale_all_dim=0.5))),
    "deepseek3-epsilon": ("DeepseekV3", dict(DEEPSEEK, q_lora_rank=None, n_group=1, topk_group=1, num_hidden_layers=27, rms_norm_eps=1e-3,
                                             scoring_func="sigmoid", routed_scaling_factor=2.446)),
    "gpt2-gelu": ("GPT2", dict(n_ctx=128, activation_function="gelu")),
    "glm4moe-two-next": ("Glm4Moe", dict(GLM, use_qk_norm=True, num_nextn_predict_layers=2)),
    "olmo-biases": ("Olmo", dict(rms_norm_eps=..., attention_bias=True, num_key_value_heads=4)),
    "deepseek2-biases": ("DeepseekV2", dict(DEEPSEEK, n_group=4, topk_group=2, topk_method="group_limited_greedy", attention_bias=True,
                                            mlp_bias=True)),
    "qwen35-biases": ("Qwen3_5Text", dict(QWEN35, num_hidden_layers=4, attention_bias=True, full_attention_interval=2)),
    "nemotronh-dense-biases": ("NemotronH", dict(NEMOTRON_H, mlp_bias=True)),
    "nemotronh-biases": ("NemotronH", dict(NEMOTRON_H_MOE, moe_latent_size=40, mlp_bias=True, use_bias=True)),
    "qwen3-llama3": ("Qwen3", dict(head_dim=24, rope_parameters=dict(LLAMA3, rope_theta=10000.0, factor=8.0))),
    "phi2-yarn": ("Phi", dict(num_key_value_heads=4, intermediate_size=256, rope_parameters=dict(YARN, partial_rotary_factor=0.5))),
    "jamba-early": ("Jamba", dict(JAMBA, num_experts=5)),
}
# What a layer for multi-token prediction has beside a layer's tensors: under a layer's name, and under names of its own.
NEXT = ("eh_proj", "enorm", "hnorm", "shared_head.norm", "embed_tokens", "shared_head.head")
NEXT_APART = ("fc", "pre_fc_norm_embedding", "pre_fc_norm_hidden", "norm")


# whose experts are written as one tensor
JOINED = ["qwen35moe-sees"]
# whose tensors have the names from before transformers had the class
EARLY = ["jamba-early"]


def randomize(model, seed):
    """Nothing is left at zero or one."""
    import torch
    gen = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            scale = 0.2 if p.dim() == 1 else 0.15
            plus_one = type(model).__name__.startswith(("Qwen3Next", "Qwen3_5")) and not name.endswith("linear_attn.norm.weight")
            p.copy_(torch.randn(p.shape, generator=gen) * scale + (1.0 if "norm" in name and not plus_one and not name.endswith("bias") else 0.0))
        for name, p in model.named_buffers():
            if name.endswith("e_score_correction_bias"):
                p.copy_(torch.randn(p.shape, generator=gen) * 0.3)


def mend_deepseek2(model, config):
    """What DeepSeek's own code does with mscale_all_dim, and the class of transformers only since July 2026; and an attribute
    that its way to choose groups lacks."""
    rope = config.rope_parameters
    mscale = 1 + 0.1 * rope["mscale_all_dim"] * math.log(rope["factor"]) if rope.get("mscale_all_dim") else 1
    for layer in model.model.layers:
        layer.self_attn.scaling = layer.self_attn.qk_head_dim ** -0.5 * mscale ** 2
        layer.mlp.num_experts = config.n_routed_experts


def mend_mamba2(model, config):
    """The norm of the authors' code (RMSNormGated of state-spaces/mamba, group_size), which is over each group for itself; that of
    transformers 5 is over all of them together."""
    import torch
    def forward(self, x, gate):
        x = (x * torch.nn.functional.silu(gate)).unflatten(-1, (config.n_groups, -1))
        x = x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        return self.weight * x.flatten(-2)
    for layer in model.backbone.layers:
        layer.mixer.norm.forward = forward.__get__(layer.mixer.norm)


def mend_nemotronh(model, config):
    """What limits time steps is time_step_limit, as in the kernels that transformers calls where it can; where it cannot, it takes
    time_step_min, which is for initialisation."""
    for layer in model.model.layers:
        if layer.block_type == "mamba":
            layer.mixer.time_step_min = config.time_step_limit[0]


def as_nemotronh(path):
    """Rewrites config.json of a model without experts as those that are published: a string for the layers, nothing of experts."""
    config = json.load(open(path))
    letters = {"mamba": "M", "mlp": "-", "attention": "*"}
    config["hybrid_override_pattern"] = "".join(letters[kind] for kind in config.pop("layers_block_type"))
    config["num_hidden_layers"] = len(config["hybrid_override_pattern"])
    for key in [key for key in config if "moe" in key or "expert" in key or key in ("n_group", "topk_group")]:
        config.pop(key)
    json.dump(config, open(path, "w"))


def in_mxfp4(model, seed):
    """Gives the experts values that MXFP4 has (OCP Microscaling 1.0), and returns their blocks and scales as gpt-oss stores them:
    bytes of two neighbours, rows and columns the other way round."""
    import torch
    gen = torch.Generator().manual_seed(seed)
    levels = torch.tensor([0, 0.5, 1, 1.5, 2, 3, 4, 6])
    levels = torch.cat((levels, -levels))
    stored = {}
    for i, layer in enumerate(model.model.layers):
        for name in ("gate_up_proj", "down_proj"):
            weight = getattr(layer.mlp.experts, name)
            n, columns, rows = weight.shape
            codes = torch.randint(0, 16, (n, rows, columns // 32, 32), generator=gen)
            scales = torch.randint(121, 126, (n, rows, columns // 32), generator=gen)
            values = levels[codes] * torch.exp2(scales - 127.0)[..., None]
            with torch.no_grad():
                weight.copy_(values.reshape(n, rows, columns).transpose(1, 2))
            prefix = f"model.layers.{i}.mlp.experts.{name}"
            stored[prefix + "_blocks"] = (codes[..., ::2] | codes[..., 1::2] << 4).to(torch.uint8)
            stored[prefix + "_scales"] = scales.to(torch.uint8)
    return stored


def replace_by_blocks(path, stored):
    """Writes a model's weights again, with what in_mxfp4 returned instead of the experts."""
    from safetensors.torch import load_file, save_file
    weights = load_file(path)
    for name in stored:
        weights.pop(name.replace("_blocks", "").replace("_scales", ""), None)
    save_file({**weights, **stored}, path, metadata={"format": "pt"})


def add_next_layers(path, n_layers, n_next, apart, seed):
    """Gives a checkpoint layers for multi-token prediction, which the class leaves out: like the last one, with a matrix that joins
    two streams, norms, and some with an embedding and an output matrix of their own."""
    import torch
    from safetensors.torch import load_file, save_file
    gen = torch.Generator().manual_seed(seed + 1000)
    weights = load_file(path)
    vocab, width = weights["model.embed_tokens.weight"].shape
    shapes = dict.fromkeys(NEXT + NEXT_APART, (width,)) | dict.fromkeys(("eh_proj", "fc"), (width, 2 * width)) | dict.fromkeys(
        ("embed_tokens", "shared_head.head"), (vocab, width))
    last, added = f"model.layers.{n_layers - 1}.", {}
    for i in range(n_next):
        new = f"mtp.layers.{i}." if apart else f"model.layers.{n_layers + i}."
        added |= {new + name.removeprefix(last): w.shape for name, w in weights.items() if name.startswith(last)}
        added |= {("mtp." if apart else new) + name + ".weight": shapes[name] for name in (NEXT_APART if apart else NEXT)}
    weights |= {name: torch.randn(shape, generator=gen) * 0.15 for name, shape in added.items()}
    save_file(weights, path, metadata={"format": "pt"})


# special tokens that the reference converter wants of a model by their names
RENAMED = {"Glm4": {"<|begin_of_text|>": "[gMASK]", "<|end_of_text|>": "<|endoftext|>", "<|start_header_id|>": "<|user|>",
                    "<|end_header_id|>": "<|observation|>"}}
RENAMED["Glm4Moe"] = RENAMED["Glm4"]


def copy_tokenizer(kind, out):
    for file in ("tokenizer.json", "tokenizer_config.json", "tokenizer.model"):
        path = os.path.join(TOKENIZERS.get(kind, TOKENIZER)[0], file)
        if not os.path.exists(path):
            continue
        shutil.copy(path, out)
        if kind in RENAMED:
            text = open(path).read()
            for old, new in RENAMED[kind].items():
                text = text.replace(old, new)
            open(os.path.join(out, file), "w").write(text)


def join_experts(path):
    """Writes a model's weights again, with the experts of each layer in two tensors, as the checkpoints of Qwen 3.5 have them."""
    import torch
    from safetensors.torch import load_file, save_file
    weights = load_file(path)
    for prefix in {name[:name.index(".experts.") + 9] for name in weights if ".experts." in name}:
        parts = {part: [] for part in ("gate_proj", "up_proj", "down_proj")}
        for part, of in parts.items():
            while f"{prefix}{len(of)}.{part}.weight" in weights:
                of.append(weights.pop(f"{prefix}{len(of)}.{part}.weight"))
        gates, ups, downs = (torch.stack(of) for of in parts.values())
        weights[prefix + "gate_up_proj"], weights[prefix + "down_proj"] = torch.cat((gates, ups), 1), downs
    save_file(weights, path, metadata={"format": "pt"})


def name_as_early(path):
    """Writes a Jamba's weights again, with the names of its first checkpoints, where a dense block is an expert too."""
    from safetensors.torch import load_file, save_file
    weights = {}
    for name, w in load_file(path).items():
        layer, is_block, part = name.partition(".feed_forward.")
        one = "" if part.startswith(("experts.", "router.")) else "experts.0."
        weights[f"{layer}.moe.{one}{part}" if is_block else name] = w
    save_file(weights, path, metadata={"format": "pt"})


def as_transformers_4(path):
    """Rewrites config.json in the older spelling: rope_theta, rope_scaling, torch_dtype."""
    whole = json.load(open(path))
    config = whole.get("text_config", whole)
    rope = config.pop("rope_parameters", None) or {}
    if "full_attention" in rope:
        config["rope_local_base_freq"] = rope["sliding_attention"]["rope_theta"]
        rope = rope["full_attention"]
    config["rope_theta"] = rope.pop("rope_theta", 10000.0)
    if "partial_rotary_factor" in rope:
        config["partial_rotary_factor"] = rope.pop("partial_rotary_factor")
    config["rope_scaling"] = rope if rope.get("rope_type", "default") != "default" else None
    config["torch_dtype"] = config.pop("dtype", "float32")
    json.dump(whole, open(path, "w"))


def configure(kind, settings):
    """A configuration of transformers, and the class that it is for. Of a model that sees, settings are those of its language
    model, but for vision_config."""
    import transformers
    settings = {k: v for k, v in dict(BASE, **settings).items() if v is not ...}
    vision = settings.pop("vision_config", None)
    if "text_config" in settings: # of a class that joins several
        text = getattr(transformers, settings.pop("text_config") + "Config")
        settings["model_type"] = text.model_type
    config_class = getattr(transformers, kind + "Config")
    if vision:
        config = config_class(text_config=settings, vision_config=vision, tie_word_embeddings=settings["tie_word_embeddings"])
        config.text_config._attn_implementation = "eager"
        return config, getattr(transformers, kind + "ForConditionalGeneration")
    stem = kind.removesuffix("Text")
    return config_class(**settings), getattr(transformers, stem + "ForCausalLM", None) or getattr(transformers, stem + "LMHeadModel")


def random_ids(seed):
    import torch
    return torch.randint(0, 1019, (N_IDS,), generator=torch.Generator().manual_seed(seed))


def save_golden(folder, name, ids, logits):
    import torch
    from safetensors.torch import save_file
    save_file({"ids": ids.to(torch.int32), "logits": logits.float().contiguous()}, os.path.join(folder, name + ".safetensors"))
    open(os.path.join(folder, name + ".ids"), "w").write(",".join(map(str, ids.tolist())))


def make_grok(name, folder, seed, settings):
    """Of a class that transformers has not."""
    import torch
    from safetensors.torch import save_file
    import tiny_grok
    config, weights = tiny_grok.make({k: v for k, v in dict(BASE, **settings).items() if v is not ...}, torch.Generator().manual_seed(seed))
    out = os.path.join(folder, name)
    os.makedirs(out)
    json.dump(config, open(os.path.join(out, "config.json"), "w"))
    save_file(weights, os.path.join(out, "model.safetensors"), metadata={"format": "pt"})
    copy_tokenizer("Grok", out)
    ids = random_ids(seed)
    save_golden(folder, name, ids, tiny_grok.logits(config, weights, ids))


def build(name, seed):
    """A model of the list with random weights, and its configuration."""
    import transformers
    transformers.utils.logging.disable_progress_bar()
    kind, settings = MODELS[name]
    config, model_class = configure(kind, settings)
    config._attn_implementation = "eager"
    model = model_class(config).eval()
    randomize(model, seed)
    if kind == "DeepseekV2":
        mend_deepseek2(model, config)
    if kind == "Mamba2":
        mend_mamba2(model, config)
    if kind == "NemotronH":
        mend_nemotronh(model, config)
    return model, config


def make(name, folder, seed=None):
    import torch
    seed = list(MODELS).index(name) if seed is None else seed
    kind, settings = MODELS[name]
    if kind == "Grok":
        return make_grok(name, folder, seed, settings)
    model, config = build(name, seed)
    out = os.path.join(folder, name)
    blocks = in_mxfp4(model, seed) if "quantization_config" in settings else {}
    model.save_pretrained(out, max_shard_size="200KB" if seed % 3 == 1 and not blocks and name not in JOINED + EARLY and not name.endswith("-next") else "1GB")
    if blocks:
        replace_by_blocks(os.path.join(out, "model.safetensors"), blocks)
    if name.endswith("-next"):
        add_next_layers(os.path.join(out, "model.safetensors"), config.num_hidden_layers, settings.get("num_nextn_predict_layers", 1),
                        kind.startswith(("Qwen3Next", "Qwen3_5")), seed)
    if name in JOINED:
        join_experts(os.path.join(out, "model.safetensors"))
    if name in EARLY:
        name_as_early(os.path.join(out, "model.safetensors"))
    if kind == "Phimoe":  # checkpoints have the name that its authors gave the class
        path = os.path.join(out, "config.json")
        config_json = json.load(open(path))
        config_json["architectures"] = ["PhiMoEForCausalLM"]
        json.dump(config_json, open(path, "w"))
    if kind == "NemotronH" and "moe" not in config.layers_block_type:
        as_nemotronh(os.path.join(out, "config.json"))
    if seed % 2:
        as_transformers_4(os.path.join(out, "config.json"))
    copy_tokenizer(kind, out)
    ids = random_ids(seed)
    with torch.no_grad():
        save_golden(folder, name, ids, model(ids[None]).logits[0])


if __name__ == "__main__":
    for model_name in sys.argv[2:] or MODELS:
        make(model_name, sys.argv[1])
