/* Looking things up in a view. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "view_impl.h"

const struct fmt_value *fmt_view_get(const struct fmt_view *v, const char *key)
{
	uint32_t i;

	if (!fmt_index_find(&v->impl->keys, (struct fmt_str){ key, strlen(key) }, &i))
		return NULL;
	return &v->kv[i].value;
}

const struct fmt_value *fmt_view_arch_get(const struct fmt_view *v, const char *suffix)
{
	char key[300];
	int n = snprintf(key, sizeof key, "%.*s.%s", (int)v->arch_name.n, v->arch_name.p, suffix);

	return n > 0 && (size_t)n < sizeof key ? fmt_view_get(v, key) : NULL;
}

const struct fmt_view_tensor *fmt_view_find(const struct fmt_view *v, struct fmt_str name)
{
	uint32_t i;

	return fmt_index_find(&v->impl->names, name, &i) ? &v->tensors[i] : NULL;
}

const struct fmt_view_tensor *fmt_view_role(const struct fmt_view *v, enum fmt_role role, int32_t layer)
{
	const struct arch_tensor *row = v->arch ? arch_row_of(v->arch, role, layer >= 0) : NULL;
	char name[96];

	if (!row)
		return NULL;
	if (layer < 0)
		snprintf(name, sizeof name, "%s", row->gguf);
	else
		snprintf(name, sizeof name, "blk.%" PRId32 ".%s", layer, row->gguf);
	return fmt_view_find(v, (struct fmt_str){ name, strlen(name) });
}

/* Element i of an array of numbers as a value of its own. */
static struct fmt_value element(const struct fmt_value *a, uint64_t i)
{
	struct fmt_value e = { .type = a->elem };

	switch (a->elem) {
	case FMT_KV_BOOL:
		e.type = FMT_KV_U8;
		e.as.u = ((const uint8_t *)a->as.data)[i];
		break;
	case FMT_KV_U8: e.as.u = ((const uint8_t *)a->as.data)[i]; break;
	case FMT_KV_U16: e.as.u = ((const uint16_t *)a->as.data)[i]; break;
	case FMT_KV_U32: e.as.u = ((const uint32_t *)a->as.data)[i]; break;
	case FMT_KV_U64: e.as.u = ((const uint64_t *)a->as.data)[i]; break;
	case FMT_KV_I8: e.as.i = ((const int8_t *)a->as.data)[i]; break;
	case FMT_KV_I16: e.as.i = ((const int16_t *)a->as.data)[i]; break;
	case FMT_KV_I32: e.as.i = ((const int32_t *)a->as.data)[i]; break;
	case FMT_KV_I64: e.as.i = ((const int64_t *)a->as.data)[i]; break;
	default: e.type = FMT_KV_STR; break; /* no number */
	}
	return e;
}

static bool fits_u32(const struct fmt_value *x, uint32_t *out)
{
	switch (x->type) {
	case FMT_KV_U8: case FMT_KV_U16: case FMT_KV_U32: case FMT_KV_U64:
		*out = (uint32_t)x->as.u;
		return x->as.u <= UINT32_MAX;
	case FMT_KV_I8: case FMT_KV_I16: case FMT_KV_I32: case FMT_KV_I64:
		*out = (uint32_t)x->as.i;
		return x->as.i >= 0 && x->as.i <= UINT32_MAX;
	default:
		return false;
	}
}

static bool fail_key(const struct fmt_view *v, const char *suffix, const char *what, struct fmt_err *err)
{
	fmt_fail(err, FMT_MALFORMED, FMT_NO_OFFSET, "key '%.*s.%s': %s", (int)v->arch_name.n, v->arch_name.p, suffix, what);
	fmt_err_file(err, v->path);
	return false;
}

bool fmt_view_u32(const struct fmt_view *v, const char *suffix, int32_t layer, uint32_t absent, uint32_t *out,
                  struct fmt_err *err)
{
	const struct fmt_value *x = fmt_view_arch_get(v, suffix);
	uint64_t i = layer < 0 ? 0 : (uint64_t)layer;
	struct fmt_value e;

	if (!x) {
		*out = absent;
		return true;
	}
	if (x->type == FMT_KV_ARR) {
		if (i >= x->n)
			return fail_key(v, suffix, "fewer elements than layers", err);
		e = element(x, i);
		x = &e;
	}
	return fits_u32(x, out) || fail_key(v, suffix, "expected a whole number of 32 bits", err);
}

bool fmt_view_window(const struct fmt_view *v, int32_t layer, uint32_t *out, struct fmt_err *err)
{
	const char suffix[] = "attention.sliding_window_pattern";
	const struct fmt_value *pattern = fmt_view_arch_get(v, suffix);
	uint32_t n;

	if (!fmt_view_u32(v, "attention.sliding_window", layer, v->arch ? v->arch->usual_window : 0, out, err) ||
	    !fmt_view_u32(v, suffix, layer, v->arch ? v->arch->full_every : 0, &n, err))
		return false;
	if (pattern && pattern->type == FMT_KV_ARR ? !n : n && ((uint32_t)layer + 1) % n == 0)
		*out = 0;
	return true;
}

bool fmt_view_f32(const struct fmt_view *v, const char *suffix, float absent, float *out, struct fmt_err *err)
{
	const struct fmt_value *x = fmt_view_arch_get(v, suffix);

	if (!x) {
		*out = absent;
		return true;
	}
	if (x->type != FMT_KV_F32 && x->type != FMT_KV_F64)
		return fail_key(v, suffix, "expected a floating-point number", err);
	*out = (float)x->as.f;
	return true;
}

bool fmt_view_scale(const struct fmt_view *v, const struct fmt_view_tensor *t, const struct fmt_view_tensor **scale, struct fmt_err *err)
{
	static const char weight[] = ".weight", end[] = ".scale";
	char name[VIEW_NAME_BYTES];
	const struct fmt_view_tensor *s = NULL;
	int n = 0;

	*scale = NULL;
	if (fmt_str_ends(t->name, weight) && t->name.n < sizeof name)
		n = snprintf(name, sizeof name, "%.*s%s", (int)(t->name.n - strlen(weight)), t->name.p, end);
	if (n)
		s = fmt_view_find(v, (struct fmt_str){ name, (size_t)n });
	if (!s || s->role != FMT_ROLE_NONE)
		return true;
	if (s->type != FMT_F32 || s->n_dims != 1 || (s->n_elems != 1 && (t->n_dims < 3 || s->n_elems != t->dims[0]))) {
		fmt_fail(err, FMT_MISMATCH, FMT_NO_OFFSET, "tensor '%s': a factor on the products of the matrix beside it is F32 [1], or one for "
		         "each of a stack", name);
		fmt_err_file(err, v->path);
		return false;
	}
	*scale = s;
	return true;
}
