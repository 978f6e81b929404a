/* gguf-inspect, for programs: one object per file. The members are described in docs/json.md. */
#include <stdio.h>
#include <string.h>

#include "inspect.h"

static void value(struct cli_json *j, const char *key, const struct fmt_value *v)
{
	switch (v->type) {
	case FMT_KV_U8:
	case FMT_KV_U16:
	case FMT_KV_U32:
	case FMT_KV_U64:
		cli_json_u64(j, key, v->as.u);
		return;
	case FMT_KV_I8:
	case FMT_KV_I16:
	case FMT_KV_I32:
	case FMT_KV_I64:
		cli_json_i64(j, key, v->as.i);
		return;
	case FMT_KV_F32:
	case FMT_KV_F64:
		cli_json_f64(j, key, inspect_real_of(v));
		return;
	case FMT_KV_BOOL:
		cli_json_bool(j, key, v->as.b);
		return;
	case FMT_KV_STR:
		cli_json_str(j, key, v->as.s);
		return;
	case FMT_KV_ARR:
		cli_json_array(j, key);
		for (uint64_t i = 0; i < v->n; i++) {
			struct fmt_value e = inspect_value_at(v, i);

			value(j, NULL, &e);
		}
		cli_json_close(j, ']');
		return;
	case FMT_KV_TYPE_COUNT:
		return;
	}
}

/* Metadata as an object; one key per line. */
static void metadata(struct cli_json *j, const char *name, const struct fmt_kv *kv, uint64_t n, const char *filter)
{
	char type[16];

	cli_json_object(j, name);
	for (uint64_t i = 0; i < n; i++) {
		if (!inspect_match(filter, kv[i].key))
			continue;
		cli_json_key_str(j, kv[i].key);
		j->pretty = false;
		cli_json_object(j, NULL);
		cli_json_cstr(j, "type", inspect_type_of(&kv[i].value, type));
		value(j, "value", &kv[i].value);
		cli_json_close(j, '}');
		j->pretty = true;
	}
	cli_json_close(j, '}');
}

static void tensor(struct cli_json *j, const struct inspect_tensor *t)
{
	cli_json_object(j, NULL);
	j->pretty = false;
	cli_json_str(j, "name", t->name);
	cli_json_cstr(j, "type", fmt_type_info(t->type)->name);
	cli_json_array(j, "shape");
	for (uint32_t i = 0; i < t->n_dims; i++)
		cli_json_u64(j, NULL, t->dims[i]);
	cli_json_close(j, ']');
	cli_json_u64(j, "parameters", t->n_elems);
	cli_json_u64(j, "bytes", t->n_bytes);
	cli_json_cstr(j, "component", fmt_component_name(t->part));
	if (t->stored) {
		cli_json_u64(j, "file", t->stored->file);
		cli_json_u64(j, "offset", t->stored->off);
	}
	if (t->stored && t->stored->strides) {
		cli_json_array(j, "strides");
		for (uint32_t i = 0; i < t->n_dims; i++)
			cli_json_i64(j, NULL, t->stored->strides[i]);
		cli_json_close(j, ']');
	}
	if (t->hash[0])
		cli_json_cstr(j, "xxh3_128", t->hash);
	cli_json_close(j, '}');
	j->pretty = true;
}

static void sum(struct cli_json *j, const char *key, const char *name, const struct inspect_sum *s)
{
	if (!s->n_tensors)
		return;
	cli_json_object(j, NULL);
	j->pretty = false;
	cli_json_cstr(j, key, name);
	cli_json_u64(j, "tensors", s->n_tensors);
	cli_json_u64(j, "parameters", s->n_params);
	cli_json_u64(j, "bytes", s->n_bytes);
	cli_json_close(j, '}');
	j->pretty = true;
}

static void container(struct cli_json *j, const struct fmt_model *m)
{
	static const char *const names[] = {
		[FMT_SAFETENSORS] = "safetensors",
		[FMT_GGUF] = "gguf",
		[FMT_TORCH_ZIP] = "torch-zip",
		[FMT_TORCH_LEGACY] = "torch-legacy",
	};

	cli_json_cstr(j, "container", names[m->container]);
	if (m->container == FMT_GGUF) {
		cli_json_u64(j, "version", m->version);
		cli_json_u64(j, "alignment", m->alignment);
	}
	cli_json_cstr(j, "byte_order", m->big_endian ? "big" : "little");
	cli_json_array(j, "files");
	for (uint32_t i = 0; i < m->n_files; i++) {
		cli_json_object(j, NULL);
		j->pretty = false;
		cli_json_cstr(j, "path", m->files[i]);
		cli_json_u64(j, "bytes", m->file_bytes[i]);
		cli_json_close(j, '}');
		j->pretty = true;
	}
	cli_json_close(j, ']');
}

static void text(struct cli_json *j, const struct inspect *in, const char *name, const char *key)
{
	struct fmt_str s = inspect_text_of(inspect_get(in, key));

	if (s.p)
		cli_json_str(j, name, s);
}

/* A number, or an array with one per layer. */
static void number(struct cli_json *j, const struct inspect *in, const char *name, const char *suffix)
{
	const struct fmt_value *v = inspect_arch_get(in, suffix);
	uint64_t n;

	if (!v || (v->type != FMT_KV_ARR && !inspect_number_of(v, &n)))
		return;
	cli_json_key_str(j, (struct fmt_str){ name, strlen(name) });
	j->pretty = false;
	value(j, NULL, v);
	j->pretty = true;
}

static void quantized(struct cli_json *j, const struct inspect *in)
{
	struct fmt_view_quantized q;

	if (!in->view || !fmt_view_quantized(in->view, &q))
		return;
	cli_json_object(j, "checkpoint");
	cli_json_str(j, "method", q.method);
	cli_json_u64(j, "bits", q.least_bits);
	cli_json_u64(j, "bits_most", q.most_bits);
	cli_json_u64(j, "group", q.least_group);
	cli_json_u64(j, "group_most", q.most_group);
	cli_json_bool(j, "ordered", q.ordered);
	cli_json_u64(j, "quantized_parameters", q.n_elems);
	cli_json_u64(j, "quantized_bytes", q.n_bytes);
	cli_json_u64(j, "other_parameters", q.n_left);
	cli_json_u64(j, "other_bytes", q.left_bytes);
	cli_json_close(j, '}');
}

static void summary(struct cli_json *j, const struct inspect *in)
{
	const struct fmt_value *tokens = inspect_get(in, "tokenizer.ggml.tokens");

	cli_json_u64(j, "bytes", in->file_bytes);
	text(j, in, "architecture", "general.architecture");
	text(j, in, "model_name", "general.name");
	cli_json_u64(j, "tensor_count", in->total.n_tensors);
	cli_json_u64(j, "parameters", in->total.n_params);
	cli_json_u64(j, "tensor_bytes", in->total.n_bytes);
	if (in->total.n_params)
		cli_json_f64(j, "bits_per_weight", 8.0 * (double)in->total.n_bytes / (double)in->total.n_params);
	if (inspect_file_type(in))
		cli_json_cstr(j, "quantization", inspect_file_type(in));
	quantized(j, in);
	number(j, in, "context_length", "context_length");
	number(j, in, "layers", "block_count");
	number(j, in, "width", "embedding_length");
	number(j, in, "feed_forward", "feed_forward_length");
	number(j, in, "heads", "attention.head_count");
	number(j, in, "kv_heads", "attention.head_count_kv");
	number(j, in, "experts", "expert_count");
	number(j, in, "experts_used", "expert_used_count");
	if (tokens && tokens->type == FMT_KV_ARR)
		cli_json_u64(j, "vocabulary", tokens->n);
	text(j, in, "tokenizer", "tokenizer.ggml.model");
	inspect_adapter_json(j, in);
	cli_json_array(j, "types");
	for (int t = 0; t < FMT_TYPE_COUNT; t++)
		sum(j, "type", fmt_type_info((enum fmt_type)t)->name, &in->types[t]);
	cli_json_close(j, ']');
	cli_json_array(j, "components");
	for (int c = 0; c < FMT_PART_COUNT; c++)
		sum(j, "component", fmt_component_name((enum fmt_component)c), &in->parts[c]);
	cli_json_close(j, ']');
	cli_json_array(j, "notes");
	for (uint32_t i = 0; in->view && i < in->view->n_notes; i++)
		cli_json_cstr(j, NULL, in->view->notes[i]);
	if (in->view_err.code)
		cli_json_cstr(j, NULL, in->view_err.msg);
	cli_json_close(j, ']');
}

static void findings(struct cli_json *j, const struct inspect *in)
{
	cli_json_array(j, "findings");
	for (size_t i = 0; i < in->findings.n; i++) {
		cli_json_object(j, NULL);
		cli_json_cstr(j, "kind", in->findings.items[i].kind);
		cli_json_cstr(j, "message", in->findings.items[i].text);
		cli_json_close(j, '}');
	}
	cli_json_close(j, ']');
}

void inspect_json(struct cli_json *j, const struct inspect *in, const struct inspect_opts *o)
{
	cli_json_object(j, NULL);
	cli_json_cstr(j, "path", in->path);
	container(j, in->model);
	if (o->summary)
		summary(j, in);
	if (in->hash[0])
		cli_json_cstr(j, "xxh3_128", in->hash);
	if (o->check)
		findings(j, in);
	if (o->metadata) {
		metadata(j, "metadata", in->kv, in->n_kv, o->filter);
		if (in->view && in->view->from_dir)
			metadata(j, "file_metadata", in->model->kv, in->model->n_kv, o->filter);
	}
	if (o->tensors) {
		cli_json_array(j, "tensors");
		for (uint64_t i = 0; i < in->n_tensors; i++)
			if (inspect_match(o->filter, in->tensors[i].name))
				tensor(j, &in->tensors[i]);
		cli_json_close(j, ']');
	}
	cli_json_close(j, '}');
}

int inspect_json_error(const struct cli_program *p, struct cli_json *j, const char *path, const struct fmt_err *err)
{
	struct cli_program text_only = *p;
	char line[sizeof err->file + sizeof err->msg + 64];
	int status;

	text_only.json = false; /* the document has begun: the error becomes one of its elements */
	status = cli_fail(&text_only, err);
	fmt_err_line(err, line, sizeof line);
	cli_json_object(j, NULL);
	cli_json_cstr(j, "path", path);
	cli_json_object(j, "error");
	cli_json_cstr(j, "message", line);
	cli_json_u64(j, "status", (uint64_t)status);
	cli_json_cstr(j, "file", err->file);
	if (err->off != FMT_NO_OFFSET)
		cli_json_u64(j, "offset", err->off);
	cli_json_close(j, '}');
	cli_json_close(j, '}');
	return status;
}
