#include <string.h>
#include <strings.h>

#include <libfmt/types.h>

static const struct fmt_type_info table[FMT_TYPE_COUNT] = {
#define TYPE(id, name, gguf, st, elems, bytes) [FMT_##id] = { name, st, gguf, elems, bytes },
#include <libfmt/types.def>
#undef TYPE
};

const struct fmt_type_info *fmt_type_info(enum fmt_type t)
{
	return &table[t];
}

bool fmt_type_from_gguf(uint32_t id, enum fmt_type *t)
{
	for (int i = 0; i < FMT_TYPE_COUNT; i++) {
		if (table[i].gguf_id >= 0 && (uint32_t)table[i].gguf_id == id) {
			*t = (enum fmt_type)i;
			return true;
		}
	}
	return false;
}

bool fmt_type_from_st(const char *name, size_t n, enum fmt_type *t)
{
	for (int i = 0; i < FMT_TYPE_COUNT; i++) {
		const char *s = table[i].st_name;

		if (s && strlen(s) == n && !memcmp(s, name, n)) {
			*t = (enum fmt_type)i;
			return true;
		}
	}
	return false;
}

bool fmt_type_from_name(const char *name, size_t n, enum fmt_type *t)
{
	for (int i = 0; i < FMT_TYPE_COUNT; i++) {
		if (strlen(table[i].name) == n && !strncasecmp(table[i].name, name, n)) {
			*t = (enum fmt_type)i;
			return true;
		}
	}
	return false;
}

bool fmt_row_bytes(enum fmt_type t, uint64_t n_cols, uint64_t *bytes)
{
	uint64_t blocks = n_cols / table[t].block_elems;

	if (n_cols % table[t].block_elems || blocks > UINT64_MAX / table[t].block_bytes)
		return false;
	*bytes = blocks * table[t].block_bytes;
	return true;
}
