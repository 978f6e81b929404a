/* gguf-inspect: values of metadata, as text, as numbers, by element, by the name of their type. */
#include <stdlib.h>
#include <string.h>

#include "inspect.h"

struct fmt_str inspect_text_of(const struct fmt_value *v)
{
	return v && v->type == FMT_KV_STR ? v->as.s : (struct fmt_str){ NULL, 0 };
}

bool inspect_number_of(const struct fmt_value *v, uint64_t *out)
{
	if (!v)
		return false;
	switch (v->type) {
	case FMT_KV_U8:
	case FMT_KV_U16:
	case FMT_KV_U32:
	case FMT_KV_U64:
		*out = v->as.u;
		return true;
	case FMT_KV_I8:
	case FMT_KV_I16:
	case FMT_KV_I32:
	case FMT_KV_I64:
		*out = (uint64_t)v->as.i;
		return v->as.i >= 0;
	default:
		return false;
	}
}

/* Numbers of arrays are packed; `data` is aligned for them. */
static struct fmt_value scalar_at(const struct fmt_value *array, uint64_t i)
{
	struct fmt_value e = { .type = array->elem };

	switch (array->elem) {
	case FMT_KV_U8:
		e.as.u = ((const uint8_t *)array->as.data)[i];
		break;
	case FMT_KV_I8:
		e.as.i = ((const int8_t *)array->as.data)[i];
		break;
	case FMT_KV_U16:
		e.as.u = ((const uint16_t *)array->as.data)[i];
		break;
	case FMT_KV_I16:
		e.as.i = ((const int16_t *)array->as.data)[i];
		break;
	case FMT_KV_U32:
		e.as.u = ((const uint32_t *)array->as.data)[i];
		break;
	case FMT_KV_I32:
		e.as.i = ((const int32_t *)array->as.data)[i];
		break;
	case FMT_KV_U64:
		e.as.u = ((const uint64_t *)array->as.data)[i];
		break;
	case FMT_KV_I64:
		e.as.i = ((const int64_t *)array->as.data)[i];
		break;
	case FMT_KV_F32:
		e.as.f = (double)((const float *)array->as.data)[i];
		break;
	case FMT_KV_F64:
		e.as.f = ((const double *)array->as.data)[i];
		break;
	case FMT_KV_BOOL:
		e.as.b = ((const uint8_t *)array->as.data)[i] != 0;
		break;
	default:
		break;
	}
	return e;
}

struct fmt_value inspect_value_at(const struct fmt_value *array, uint64_t i)
{
	if (array->elem == FMT_KV_STR)
		return (struct fmt_value){ .type = FMT_KV_STR, .as.s = array->as.strs[i] };
	if (array->elem == FMT_KV_ARR)
		return array->as.arrs[i];
	return scalar_at(array, i);
}

const char *inspect_type_of(const struct fmt_value *v, char *buf)
{
	static const char *const names[FMT_KV_TYPE_COUNT] = {
		"u8", "i8", "u16", "i16", "u32", "i32", "f32", "bool", "str", "arr", "u64", "i64", "f64",
	};

	if (v->type == FMT_KV_ARR)
		snprintf(buf, 16, "[%s]", names[v->elem]);
	else
		snprintf(buf, 16, "%s", names[v->type]);
	return buf;
}

double inspect_real_of(const struct fmt_value *v)
{
	char text[40];

	if (v->type != FMT_KV_F32)
		return v->as.f;
	for (int digits = 1; digits <= 9; digits++) {
		snprintf(text, sizeof text, "%.*g", digits, v->as.f);
		if (strtof(text, NULL) == (float)v->as.f)
			break;
	}
	return strtod(text, NULL);
}
