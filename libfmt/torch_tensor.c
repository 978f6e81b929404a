/* Sources: torch/_utils.py for the arguments of the functions that rebuild tensors, torch/serialization.py for the
 * persistent ids. None of these functions is called: their arguments say where a tensor lies, and that is all. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <libfmt/utf8.h>

#include "buf.h"
#include "ckd.h"
#include "limit.h"
#include "torch_tensor.h"

/* Where people keep the state dict in what they publish. */
static const char *const wrappers[] = {
	"state_dict", "model_state_dict", "model_state", "model", "module", "net", "params", "weights",
};

static bool get_u64(const struct pkl *v, uint64_t *out)
{
	if (v->kind != PKL_INT || v->as.i < 0)
		return false;
	*out = (uint64_t)v->as.i;
	return true;
}

static bool is_call(const struct pkl *v, enum pkl_role role)
{
	return v->kind == PKL_CALL && v->as.items[0]->as.global->role == role;
}

/* A tuple, a list or a torch.Size: what sizes come as. */
static const struct pkl *as_sequence(const struct pkl *v)
{
	if (is_call(v, PKL_AS_SIZE) && v->as.items[1]->n == 1)
		v = v->as.items[1]->as.items[0];
	return v->kind == PKL_TUPLE || v->kind == PKL_LIST ? v : NULL;
}

bool torch_storage_read(const struct pkl *persid, struct torch_storage *s, uint64_t base, struct fmt_err *err)
{
	const struct pkl *id = persid->as.items[0], *const *f = id->as.items, *view;
	const struct pkl_global *class;

	if (id->kind != PKL_TUPLE || id->n < 5 || id->n > 6 || f[0]->kind != PKL_STR || f[0]->n != 7 ||
	    memcmp(f[0]->as.s, "storage", 7) || f[1]->kind != PKL_GLOBAL || f[2]->kind != PKL_STR)
		return fmt_fail(err, FMT_UNSAFE, base + persid->off, "pickle refers to something that is no storage");
	class = f[1]->as.global;
	if (class->role != PKL_AS_STORAGE && class->role != PKL_AS_UNTYPED)
		return fmt_fail(err, FMT_UNSUPPORTED, base + persid->off, "storage of the kind '%s.%s'", class->module,
		                class->name);
	*s = (struct torch_storage){ .key = { f[2]->as.s, f[2]->n }, .type = class->type };
	s->untyped = class->role == PKL_AS_UNTYPED;
	if (s->untyped)
		s->type = FMT_U8;
	if (!get_u64(f[4], &s->n_elems))
		return fmt_fail(err, FMT_MALFORMED, base + persid->off, "storage without a size");
	s->view_elems = s->n_elems;
	view = id->n == 6 ? f[5] : NULL;
	if (!view || view->kind == PKL_NONE)
		return true;
	if (view->kind != PKL_TUPLE || view->n != 3 || !get_u64(view->as.items[1], &s->view_off) ||
	    !get_u64(view->as.items[2], &s->view_elems) || s->view_off > s->n_elems ||
	    s->view_elems > s->n_elems - s->view_off)
		return fmt_fail(err, FMT_MALFORMED, base + persid->off, "a view of a storage that reaches beyond it");
	return true;
}

/* The arguments of the function that rebuilds a tensor, behind parameters and subclasses around it; NULL if v is no
 * tensor. *function says which it is. */
static const struct pkl *tensor_args(const struct pkl *v, const struct pkl_global **function)
{
	for (int depth = 0; depth < 4 && v->kind == PKL_CALL; depth++) {
		const struct pkl *args = v->as.items[1];

		*function = v->as.items[0]->as.global;
		switch ((*function)->role) {
		case PKL_AS_TENSOR:
		case PKL_AS_TENSOR_V3:
		case PKL_AS_UNSUPPORTED:
			return args;
		case PKL_AS_PARAMETER:
			if (!args->n)
				return NULL;
			v = args->as.items[0];
			break;
		case PKL_AS_TYPED:
			if (args->n < 3 || args->as.items[0]->kind != PKL_GLOBAL || args->as.items[2]->kind != PKL_TUPLE)
				return NULL;
			*function = args->as.items[0]->as.global;
			return args->as.items[2];
		default:
			return NULL;
		}
	}
	return NULL;
}

static bool bad(const struct torch_tensor *t, enum fmt_code code, struct fmt_err *err, const char *what)
{
	char name[FMT_SHOW_BYTES];

	return fmt_fail(err, code, t->at, "tensor %s: %s", fmt_show(t->name, name), what);
}

/* Elements from the first to behind the last that the view touches; 0 if it has none. */
static bool view_reach(const struct torch_tensor *t, uint64_t *reach)
{
	*reach = 1;
	for (uint32_t k = 0; k < t->n_dims; k++) {
		uint64_t step;

		if (!t->dims[k]) {
			*reach = 0;
			return true;
		}
		if (ckd_mul(&step, t->dims[k] - 1, (uint64_t)t->strides[k]) || ckd_add(reach, *reach, step))
			return false;
	}
	return true;
}

/* The view must lie inside of its storage. Turns the offset into one from the storage's beginning. */
static bool check_view(struct torch_tensor *t, struct fmt_err *err)
{
	uint32_t elem_bytes = fmt_type_info(t->type)->block_bytes;
	uint64_t have = t->storage.view_elems, reach;

	if (t->storage.untyped) {
		if (have % elem_bytes || t->storage.view_off % elem_bytes)
			return bad(t, FMT_MISMATCH, err, "its storage is no whole number of elements");
		have /= elem_bytes;
		t->storage.view_off /= elem_bytes;
	} else if (t->type != t->storage.type) {
		return bad(t, FMT_MISMATCH, err, "its type is not that of its storage");
	}
	if (!view_reach(t, &reach) || t->off > have || reach > have - t->off)
		return bad(t, FMT_MALFORMED, err, "reaches beyond its storage");
	t->off += t->storage.view_off;
	return true;
}

static bool read_dims(struct torch_tensor *t, const struct pkl *size, const struct pkl *stride, struct fmt_err *err)
{
	size = as_sequence(size);
	stride = as_sequence(stride);
	if (!size || !stride || size->n != stride->n)
		return bad(t, FMT_MALFORMED, err, "size and stride are not two lists of one length");
	if (size->n > FMT_MAX_DIMS)
		return bad(t, FMT_UNSUPPORTED, err, "more than 8 dimensions");
	t->n_dims = size->n;
	for (uint32_t k = 0; k < size->n; k++) {
		uint64_t step;

		if (!get_u64(size->as.items[k], &t->dims[k]) || !get_u64(stride->as.items[k], &step))
			return bad(t, FMT_MALFORMED, err, "a size or stride that is no number from 0 up");
		t->strides[k] = (int64_t)step;
	}
	return true;
}

/* (storage, offset, size, stride[, requires_grad, hooks[, dtype]]) */
static bool read_tensor(struct torch_tensor *t, const struct pkl_global *function, const struct pkl *args, uint64_t base,
                        struct fmt_err *err)
{
	const struct pkl *const *a = args->as.items;
	bool v3 = function->role == PKL_AS_TENSOR_V3;

	if (function->role != PKL_AS_TENSOR && !v3)
		return fmt_fail(err, FMT_UNSUPPORTED, t->at, "a tensor made by '%s.%s'", function->module, function->name);
	if (args->n < (v3 ? 7 : 4) || a[0]->kind != PKL_PERSID || !get_u64(a[1], &t->off))
		return bad(t, FMT_MALFORMED, err, "no storage or no offset");
	if (!torch_storage_read(a[0], &t->storage, base, err))
		return false;
	t->type = t->storage.type;
	if (v3) {
		if (a[6]->kind != PKL_GLOBAL || a[6]->as.global->role != PKL_AS_DTYPE)
			return bad(t, FMT_UNSUPPORTED, err, "its element type has no counterpart here");
		t->type = a[6]->as.global->type;
	}
	return read_dims(t, a[2], a[3], err) && check_view(t, err);
}

static bool is_container(const struct pkl *v)
{
	return v->kind == PKL_DICT || v->kind == PKL_LIST || v->kind == PKL_TUPLE;
}

static const struct pkl *child(const struct pkl *container, uint32_t k)
{
	return container->as.items[container->kind == PKL_DICT ? 2 * k + 1 : k];
}

/* "PREFIX.KEY", in the arena; a key that is a number is written in decimal. */
static struct fmt_str join(struct torch_walk *w, struct fmt_str prefix, const struct pkl *container, uint32_t k,
                           struct fmt_err *err)
{
	const struct pkl *key = container->kind == PKL_DICT ? container->as.items[2 * k] : NULL;
	char digits[24];
	struct fmt_str last = { digits, 0 };
	char *out;
	size_t n = prefix.n ? prefix.n + 1 : 0;

	if (key && key->kind == PKL_STR)
		last = (struct fmt_str){ key->as.s, key->n };
	else
		last.n = (size_t)snprintf(digits, sizeof digits, "%" PRId64, key ? key->as.i : (int64_t)k);
	out = fmt_arena_alloc(w->arena, (uint64_t)n + last.n, 1, err);
	if (!out)
		return (struct fmt_str){ NULL, 0 };
	if (n) {
		memcpy(out, prefix.p, prefix.n);
		out[prefix.n] = '.';
	}
	if (last.n)
		memcpy(out + n, last.p, last.n);
	return (struct fmt_str){ out, n + last.n };
}

static bool walk(struct torch_walk *w, const struct pkl *container, struct fmt_str prefix, unsigned depth,
                 uint64_t *n_found, struct fmt_err *err)
{
	if (depth > LIMIT_TORCH_DEPTH)
		return fmt_fail(err, FMT_LIMIT, w->base + container->off, "pickle: containers nested deeper than %d",
		                LIMIT_TORCH_DEPTH);
	for (uint32_t k = 0; k < container->n; k++) {
		const struct pkl *v = child(container, k), *args;
		const struct pkl_global *function;
		struct torch_tensor t = { .at = w->base + v->off };

		if (!w->budget--)
			return fmt_fail(err, FMT_LIMIT, w->base + v->off, "pickle: containers that hold each other too often");
		args = tensor_args(v, &function);
		if (!args && !is_container(v))
			continue;
		if (container->kind == PKL_DICT && container->as.items[2 * k]->kind != PKL_STR &&
		    container->as.items[2 * k]->kind != PKL_INT)
			return fmt_fail(err, FMT_UNSUPPORTED, w->base + v->off, "pickle: a tensor whose name is no text");
		t.name = join(w, prefix, container, k, err);
		if (!t.name.p)
			return false;
		if (args)
			*n_found += 1;
		if (args ? !read_tensor(&t, function, args, w->base, err) || !w->each(w->context, &t, err)
			 : !walk(w, v, t.name, depth + 1, n_found, err))
			return false;
	}
	return true;
}

static bool has_tensor(const struct pkl *container)
{
	const struct pkl_global *function;

	for (uint32_t k = 0; k < container->n; k++)
		if (tensor_args(child(container, k), &function))
			return true;
	return false;
}

/* The state dict inside of a checkpoint that holds more. */
static const struct pkl *unwrap(const struct pkl *root)
{
	size_t k = 0;

	for (int depth = 0; depth < LIMIT_TORCH_DEPTH && k < sizeof wrappers / sizeof *wrappers; depth++) {
		if (has_tensor(root))
			break;
		for (k = 0; k < sizeof wrappers / sizeof *wrappers; k++) {
			const struct pkl *inner = pickle_get(root, wrappers[k]);

			if (inner && inner->kind == PKL_DICT) {
				root = inner;
				break;
			}
		}
	}
	return root;
}

bool torch_walk(struct torch_walk *w, const struct pkl *root, struct fmt_err *err)
{
	uint64_t n_found = 0;

	if (!is_container(root))
		return fmt_fail(err, FMT_UNSUPPORTED, w->base, "pickle holds no dict of tensors");
	if (!walk(w, unwrap(root), FMT_STR(""), 0, &n_found, err))
		return false;
	if (!n_found)
		return fmt_fail(err, FMT_UNSUPPORTED, w->base, "pickle holds no tensors");
	return true;
}

/* Row major without gaps; the stride of a dimension of one element does not matter. */
static bool is_contiguous(const struct torch_tensor *t)
{
	uint64_t expected = 1;

	for (uint32_t k = t->n_dims; k-- > 0;) {
		if (t->dims[k] == 0)
			return true;
		if (t->dims[k] != 1 && (uint64_t)t->strides[k] != expected)
			return false;
		if (ckd_mul(&expected, expected, t->dims[k]))
			return false;
	}
	return true;
}

bool torch_add(struct fmt_model *m, uint32_t file, const struct torch_tensor *t, uint64_t off, struct fmt_err *err)
{
	struct fmt_arena *arena = &m->impl->arena;
	struct fmt_tensor out = { .type = t->type, .n_dims = t->n_dims, .file = file };
	int64_t *strides;

	memcpy(out.dims, t->dims, sizeof out.dims);
	out.off = off + t->off * fmt_type_info(t->type)->block_bytes;
	if (!fmt_tensor_measure(&out, err))
		return false;
	/* a stride of 0 makes much of little; nobody publishes more of that than the file has bytes */
	if (out.n_bytes > m->file_bytes[file])
		return bad(t, FMT_LIMIT, err, "repeats its storage to more bytes than the file has");
	if (!is_contiguous(t)) {
		strides = fmt_arena_alloc(arena, t->n_dims, sizeof *strides, err);
		if (!strides)
			return false;
		memcpy(strides, t->strides, t->n_dims * sizeof *strides);
		out.strides = strides;
	}
	out.name = fmt_arena_str(arena, t->name, err);
	return out.name.p && fmt_model_add_tensor(m, &out, t->at, err);
}
