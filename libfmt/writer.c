/* The list of what is to be written, and the table of formats. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "ckd.h"
#include "model_impl.h"
#include "value.h"
#include "write_impl.h"

static const struct fmt_out *const formats[] = {
	&fmt_out_gguf,
	&fmt_out_safetensors,
	&fmt_out_torch,
};

struct fmt_writer *fmt_writer_create(enum fmt_out_format format, struct fmt_err *err)
{
	const struct fmt_out *out = NULL;
	struct fmt_writer *w;

	for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
		if (formats[i]->format == format)
			out = formats[i];
	if (!out) {
		fmt_fail(err, FMT_UNSUPPORTED, FMT_NO_OFFSET, "no writer for output format %d", (int)format);
		return NULL;
	}
	w = calloc(1, sizeof *w);
	if (!w) {
		fmt_fail_nomem(err, sizeof *w);
		return NULL;
	}
	w->out = out;
	fmt_arena_init(&w->arena, UINT64_MAX); /* what the caller has in memory needs no ceiling */
	fmt_index_init(&w->keys);
	fmt_index_init(&w->names);
	return w;
}

void fmt_writer_destroy(struct fmt_writer *w)
{
	if (!w)
		return;
	fmt_index_finish(&w->keys);
	fmt_index_finish(&w->names);
	fmt_arena_finish(&w->arena);
	free(w);
}

/* Room for one more item in a list of the arena. */
static void *make_room(struct fmt_writer *w, void *list, uint64_t n, uint64_t *cap, size_t item_bytes, struct fmt_err *err)
{
	uint64_t more = *cap ? *cap * 2 : 64;

	if (n < *cap)
		return list;
	list = fmt_arena_grow(&w->arena, list, *cap, more, item_bytes, err);
	if (list)
		*cap = more;
	return list;
}

static bool check_open(const struct fmt_writer *w, struct fmt_err *err)
{
	return !w->laid_out || fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "the layout of the output is fixed already");
}

/* Registers a name; false if it was there. */
static bool add_name(struct fmt_index *index, struct fmt_str name, uint64_t number, const char *what, struct fmt_err *err)
{
	char text[FMT_SHOW_BYTES];

	switch (fmt_index_add(index, name, (uint32_t)number, err)) {
	case FMT_INDEX_ADDED:
		return true;
	case FMT_INDEX_THERE:
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "%s %s is written twice", what, fmt_show(name, text));
	case FMT_INDEX_FAILED:
		break;
	}
	return false;
}

bool fmt_writer_kv(struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err)
{
	struct fmt_kv copy;
	struct fmt_kv *list;

	if (err->code || !check_open(w, err) || (w->out->check_kv && !w->out->check_kv(w, kv, err)))
		return false;
	copy.key = fmt_arena_str(&w->arena, kv->key, err);
	if (err->code || !fmt_value_copy(&w->arena, &kv->value, &copy.value, err))
		return false;
	list = make_room(w, w->kv, w->n_kv, &w->kv_cap, sizeof *list, err);
	if (!list)
		return false;
	w->kv = list;
	if (!add_name(&w->keys, copy.key, w->n_kv, "key", err))
		return false;
	w->kv[w->n_kv++] = copy;
	return true;
}

bool fmt_writer_kv_replace(struct fmt_writer *w, const struct fmt_kv *kv, struct fmt_err *err)
{
	const struct fmt_value *new = &kv->value, *old;
	char key[FMT_SHOW_BYTES];
	uint32_t i;

	if (err->code)
		return false;
	if (!fmt_index_find(&w->keys, kv->key, &i))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "key %s cannot be replaced: it is not there", fmt_show(kv->key, key));
	old = &w->kv[i].value;
	if (old->type != new->type || !fmt_kv_type_bytes(new->type == FMT_KV_ARR ? new->elem : new->type) ||
	    (new->type == FMT_KV_ARR && (old->elem != new->elem || old->n != new->n)))
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "key %s cannot be replaced by a value of another size",
		                fmt_show(kv->key, key));
	if (w->out->check_kv && !w->out->check_kv(w, kv, err))
		return false;
	return fmt_value_copy(&w->arena, new, &w->kv[i].value, err);
}

/* Fills in what follows from type and dims. */
static bool measure(struct fmt_out_tensor *t, const uint64_t *dims, struct fmt_err *err)
{
	struct fmt_tensor m = { .name = t->name, .type = t->type, .n_dims = t->n_dims };

	for (uint32_t i = 0; i < t->n_dims && i < FMT_MAX_DIMS; i++)
		m.dims[i] = t->dims[i] = dims[i];
	if (!fmt_tensor_measure(&m, err))
		return false;
	t->n_bytes = m.n_bytes;
	return true;
}

bool fmt_writer_tensor(struct fmt_writer *w, struct fmt_str name, enum fmt_type type, uint32_t n_dims,
                       const uint64_t *dims, uint32_t *index, struct fmt_err *err)
{
	struct fmt_out_tensor t = { .name = name, .type = type, .n_dims = n_dims };
	struct fmt_out_tensor *list;

	if (err->code || !check_open(w, err) || !measure(&t, dims, err) ||
	    (w->out->check_tensor && !w->out->check_tensor(w, &t, err)))
		return false;
	t.name = fmt_arena_str(&w->arena, name, err);
	list = make_room(w, w->tensors, w->n_tensors, &w->tensors_cap, sizeof *list, err);
	if (!list)
		return false;
	w->tensors = list;
	if (!add_name(&w->names, t.name, w->n_tensors, "tensor", err))
		return false;
	*index = (uint32_t)w->n_tensors;
	w->tensors[w->n_tensors++] = t;
	return true;
}

bool fmt_writer_layout(struct fmt_writer *w, uint64_t *file_bytes, struct fmt_err *err)
{
	if (err->code || !check_open(w, err) || !w->out->layout(w, err))
		return false;
	w->laid_out = true;
	*file_bytes = w->file_bytes;
	return true;
}

uint64_t fmt_writer_offset(const struct fmt_writer *w, uint32_t index)
{
	return w->tensors[index].off;
}

uint64_t fmt_writer_bytes(const struct fmt_writer *w, uint32_t index)
{
	return w->tensors[index].n_bytes;
}

bool fmt_writer_header(struct fmt_writer *w, struct fmt_sink *s, struct fmt_err *err)
{
	if (!w->laid_out)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "the layout of the output is not fixed yet");
	return !err->code && w->out->header(w, s, err);
}

bool fmt_writer_data(const struct fmt_writer *w, struct fmt_sink *s, uint32_t index, uint64_t off, const void *data,
                     size_t n, struct fmt_err *err)
{
	const struct fmt_out_tensor *t = index < w->n_tensors ? &w->tensors[index] : NULL;
	char name[FMT_SHOW_BYTES];

	if (!w->laid_out || !t)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "contents of a tensor that was not announced");
	if (off > t->n_bytes || n > t->n_bytes - off)
		return fmt_fail(err, FMT_USAGE, FMT_NO_OFFSET, "tensor %s has %" PRIu64 " bytes, %zu more at %" PRIu64
		                " do not fit", fmt_show(t->name, name), t->n_bytes, n, off);
	return fmt_sink_write(s, t->off + off, data, n, err);
}
