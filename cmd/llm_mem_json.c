/* llm-mem --json: bytes as integers, names as docs/json.md lists them. */
#include <inttypes.h>

#include "llm_mem.h"

static void parameters(struct cli_json *j, const struct fmt_estimate *e)
{
	cli_json_object(j, "parameters");
	cli_json_u64(j, "total", e->total);
	cli_json_u64(j, "active", e->active);
	cli_json_u64(j, "active_without_input_embedding", e->active_without_input_embedding);
	cli_json_u64(j, "non_embedding", e->non_embedding);
	cli_json_bool(j, "tied_embeddings", e->tied);
	cli_json_object(j, "by_component");
	for (int s = 0; s < FMT_SHARE_COUNT; s++)
		if (e->by_share[s])
			cli_json_u64(j, fmt_share_name((enum fmt_share)s), e->by_share[s]);
	cli_json_close(j, '}');
	cli_json_u64(j, "experts", e->n_experts);
	cli_json_u64(j, "experts_per_token", e->n_experts_used);
	if (e->other.known) {
		cli_json_u64(j, "other_modality", e->other.params);
		cli_json_u64(j, "total_with_other_modality", e->total_with_other);
	}
	cli_json_object(j, "largest_tensor");
	cli_json_str(j, "name", e->largest_name);
	cli_json_u64(j, "elements", e->largest_elems);
	cli_json_close(j, '}');
	cli_json_close(j, '}');
	if (!e->n_next_layers)
		return;
	cli_json_object(j, "multi_token_prediction");
	cli_json_u64(j, "layers", e->n_next_layers);
	cli_json_u64(j, "parameters", e->next_params);
	cli_json_close(j, '}');
}

/* As it is published, where that is quantized. */
static void checkpoint(struct cli_json *j, const struct fmt_stored *s)
{
	if (!s->quantized)
		return;
	cli_json_object(j, "checkpoint");
	cli_json_str(j, "method", s->method);
	cli_json_bool(j, "known", s->known);
	if (s->known) {
		cli_json_u64(j, "bits", s->bits);
		cli_json_u64(j, "quantized_parameters", s->n_quantized);
		cli_json_u64(j, "scale_bytes", s->scale_bytes);
		cli_json_u64(j, "bytes", s->bytes);
		cli_json_bool(j, "exact", !s->about);
	} else {
		cli_json_cstr(j, "why", s->why);
	}
	cli_json_close(j, '}');
}

/* Adapters of rank 16, as people start with. */
static void lora(struct cli_json *j, const struct fmt_estimate *e)
{
	cli_json_object(j, "lora");
	cli_json_u64(j, "rank", 16);
	cli_json_object(j, "trainable");
	cli_json_u64(j, "all_linear_but_experts_router_head", 16 * e->lora_linear);
	if (e->lora_qv)
		cli_json_u64(j, "q_proj_v_proj", 16 * e->lora_qv);
	cli_json_close(j, '}');
	cli_json_close(j, '}');
}

/* Under one policy, at each context. What is past 64 bits is left out. */
static void policy(struct cli_json *j, const struct mem_report *r, struct fmt_cache_opts o)
{
	cli_json_object(j, fmt_keep_name(o.keep));
	for (size_t i = 0; i < r->n_contexts; i++) {
		struct fmt_err ignored = { .code = FMT_OK };
		uint64_t kv, state;
		char context[24];

		o.context = r->contexts[i];
		snprintf(context, sizeof context, "%" PRIu64, o.context);
		if (fmt_estimate_cache(&r->e, &o, &kv, &state, &ignored))
			cli_json_u64(j, context, kv);
	}
	cli_json_close(j, '}');
}

/* Keys and values of all sequences in a type. */
static void policies(struct cli_json *j, const char *name, const struct mem_report *r, enum fmt_type type)
{
	struct fmt_cache_opts o = r->cache;

	o.type = type;
	cli_json_object(j, name);
	for (int keep = 0; keep < FMT_KEEP_COUNT; keep++) {
		o.keep = (enum fmt_keep)keep;
		policy(j, r, o);
	}
	cli_json_close(j, '}');
}

/* Of one sequence, as elements: programs differ in the types. */
static void recurrent_state(struct cli_json *j, const struct fmt_estimate *e)
{
	uint64_t layers = 0, conv = 0, state = 0; /* their sum in bytes is known to be within 64 bits */

	for (uint64_t i = 0; i < e->n_layers; i++) {
		layers += e->layers[i].conv_elems + e->layers[i].state_elems != 0;
		conv += e->layers[i].conv_elems;
		state += e->layers[i].state_elems;
	}
	if (!layers)
		return;
	cli_json_object(j, "recurrent_state");
	cli_json_u64(j, "layers", layers);
	cli_json_u64(j, "conv_elements_kernel_minus_1", conv);
	cli_json_u64(j, "state_elements", state);
	cli_json_u64(j, "bytes_all_f32_kernel_minus_1", 4 * (conv + state));
	cli_json_u64(j, "bytes_all_bf16_kernel_minus_1", 2 * (conv + state));
	cli_json_close(j, '}');
}

static void cache(struct cli_json *j, const struct mem_report *r)
{
	uint64_t attention = 0, windows = 0, window = 0;

	for (uint64_t i = 0; i < r->e.n_layers; i++) {
		attention += fmt_layer_attends(&r->e.layers[i]);
		windows += r->e.layers[i].window != 0;
		window = r->e.layers[i].window ? r->e.layers[i].window : window;
	}
	cli_json_object(j, "kv_cache");
	cli_json_u64(j, "attention_layers", attention);
	cli_json_u64(j, "windowed_layers", windows);
	if (window)
		cli_json_u64(j, "window", window);
	cli_json_u64(j, "elements_per_token_all_layers", r->token_elems);
	cli_json_u64(j, "elements_per_token_beyond_window", r->token_elems_beyond);
	cli_json_cstr(j, "type", fmt_type_info(r->cache.type)->name);
	cli_json_u64(j, "sequences", r->cache.sequences);
	cli_json_u64(j, "ubatch", r->cache.ubatch);
	policies(j, "bytes", r, r->cache.type);
	policies(j, "bytes_bf16", r, FMT_BF16);
	cli_json_u64(j, "recurrent_state_bytes", r->state);
	recurrent_state(j, &r->e);
	cli_json_close(j, '}');
}

static void layers(struct cli_json *j, const struct fmt_estimate *e)
{
	cli_json_array(j, "layers");
	for (uint64_t i = 0; i < e->n_layers; i++) {
		const struct fmt_layer *l = &e->layers[i];

		cli_json_object(j, NULL);
		cli_json_cstr(j, "kind", fmt_layer_kind_name(l->kind));
		cli_json_bool(j, "experts", l->experts);
		cli_json_u64(j, "parameters", l->params);
		cli_json_u64(j, "active", l->active);
		cli_json_u64(j, "heads", l->n_heads);
		cli_json_u64(j, "kv_heads", l->n_kv_heads);
		cli_json_u64(j, "k_dim", l->k_dim);
		cli_json_u64(j, "v_dim", l->v_dim);
		cli_json_u64(j, "latent", l->latent);
		cli_json_u64(j, "window", l->window);
		cli_json_u64(j, "conv_elements", l->conv_elems);
		cli_json_u64(j, "state_elements", l->state_elems);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

/* With cache and state, at each context. A sum past 64 bits is left out. */
static void totals(struct cli_json *j, const struct mem_report *r, const struct mem_weights *w)
{
	struct fmt_cache_opts o = r->cache;

	cli_json_object(j, "total_bytes");
	for (size_t i = 0; i < r->n_contexts; i++) {
		struct fmt_err ignored = { .code = FMT_OK };
		struct mem_sum sum;
		char context[24];

		o.context = r->contexts[i];
		snprintf(context, sizeof context, "%" PRIu64, o.context);
		if (mem_sum(r, w, &o, &sum, &ignored))
			cli_json_u64(j, context, sum.total);
	}
	cli_json_close(j, '}');
}

static void weights(struct cli_json *j, const struct mem_report *r)
{
	cli_json_array(j, "weights");
	for (size_t i = 0; i < r->n_weights; i++) {
		const struct mem_weights *w = &r->weights[i];

		cli_json_object(j, NULL);
		cli_json_cstr(j, "quant", w->name);
		cli_json_u64(j, "tensor_bytes", w->tensor_bytes);
		if (r->files_known)
			cli_json_u64(j, "file_bytes", w->file_bytes);
		if (r->e.layers_known)
			totals(j, r, w);
		if (r->fit || r->cards.o.n_devices)
			cli_json_u64(j, "longest_context", w->fits);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

bool mem_print_json(const struct mem_report *r, struct fmt_err *err)
{
	bool ok;

	struct cli_json j;

	cli_json_start(&j, stdout);
	cli_json_object(&j, NULL);
	cli_json_cstr(&j, "path", r->path);
	cli_json_str(&j, "architecture", r->view->arch_name);
	cli_json_u64(&j, "context_length", r->e.context);
	parameters(&j, &r->e);
	checkpoint(&j, &r->stored);
	lora(&j, &r->e);
	if (r->e.layers_known)
		cache(&j, r);
	mem_runtime_json(r, &j);
	weights(&j, r);
	if (r->fit)
		mem_json_fit(r, &j);
	if (r->cards.o.n_devices)
		mem_json_gpu(r, &j);
	mem_train_json(&j, r);
	if (r->layers)
		layers(&j, &r->e);
	ok = mem_speed_print(r, &j, err) && mem_convert_print(r, &j, err) && (!r->explain || mem_explain(r, &j, err));
	cli_json_close(&j, '}');
	cli_json_end(&j);
	return ok;
}
