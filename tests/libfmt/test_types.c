/* types.def against the numbers of gguf-py (GGML_QUANT_SIZES, GGMLQuantizationType; printed from its August 2026
 * version) and against the bit widths of safetensors 0.8 (dtype.bitsize). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <libfmt/types.h>

static const struct {
	const char *name;
	uint32_t id, elems, bytes;
} gguf_py[] = {
	{ "F32", 0, 1, 4 },         { "F16", 1, 1, 2 },         { "Q4_0", 2, 32, 18 },      { "Q4_1", 3, 32, 20 },
	{ "Q5_0", 6, 32, 22 },      { "Q5_1", 7, 32, 24 },      { "Q8_0", 8, 32, 34 },      { "Q8_1", 9, 32, 36 },
	{ "Q2_K", 10, 256, 84 },    { "Q3_K", 11, 256, 110 },   { "Q4_K", 12, 256, 144 },   { "Q5_K", 13, 256, 176 },
	{ "Q6_K", 14, 256, 210 },   { "Q8_K", 15, 256, 292 },   { "IQ2_XXS", 16, 256, 66 }, { "IQ2_XS", 17, 256, 74 },
	{ "IQ3_XXS", 18, 256, 98 }, { "IQ1_S", 19, 256, 50 },   { "IQ4_NL", 20, 32, 18 },   { "IQ3_S", 21, 256, 110 },
	{ "IQ2_S", 22, 256, 82 },   { "IQ4_XS", 23, 256, 136 }, { "I8", 24, 1, 1 },         { "I16", 25, 1, 2 },
	{ "I32", 26, 1, 4 },        { "I64", 27, 1, 8 },        { "F64", 28, 1, 8 },        { "IQ1_M", 29, 256, 56 },
	{ "BF16", 30, 1, 2 },       { "TQ1_0", 34, 256, 54 },   { "TQ2_0", 35, 256, 66 },   { "MXFP4", 39, 32, 17 },
	{ "NVFP4", 40, 64, 36 },    { "Q1_0", 41, 128, 18 },    { "Q2_0", 42, 64, 18 },
};

static const struct {
	const char *name;
	uint32_t bits;
} safetensors[] = {
	{ "BOOL", 8 },    { "F4", 4 },       { "F6_E2M3", 6 },     { "F6_E3M2", 6 },     { "U8", 8 },   { "I8", 8 },
	{ "F8_E5M2", 8 }, { "F8_E4M3", 8 },  { "F8_E4M3FNUZ", 8 }, { "F8_E5M2FNUZ", 8 }, { "F8_E8M0", 8 },
	{ "I16", 16 },    { "U16", 16 },     { "F16", 16 },        { "BF16", 16 },       { "I32", 32 }, { "U32", 32 },
	{ "F32", 32 },    { "C64", 64 },     { "F64", 64 },        { "I64", 64 },        { "U64", 64 },
};

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void gguf_types(void **state)
{
	size_t known = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(gguf_py); i++) {
		const struct fmt_type_info *info;
		enum fmt_type t, by_name;

		assert_true(fmt_type_from_gguf(gguf_py[i].id, &t));
		assert_true(fmt_type_from_name(gguf_py[i].name, strlen(gguf_py[i].name), &by_name));
		assert_int_equal(t, by_name);
		info = fmt_type_info(t);
		assert_string_equal(info->name, gguf_py[i].name);
		assert_int_equal(info->block_elems, gguf_py[i].elems);
		assert_int_equal(info->block_bytes, gguf_py[i].bytes);
	}
	for (int t = 0; t < FMT_TYPE_COUNT; t++)
		known += fmt_type_info((enum fmt_type)t)->gguf_id >= 0;
	assert_int_equal(known, COUNT(gguf_py));
}

static void removed_and_foreign_ids(void **state)
{
	static const uint32_t ids[] = { 4, 5, 31, 32, 33, 36, 37, 38, 43, 97, 133, 202, 399, UINT32_MAX };
	enum fmt_type t;

	(void)state;
	for (size_t i = 0; i < COUNT(ids); i++)
		assert_false(fmt_type_from_gguf(ids[i], &t));
}

static void safetensors_types(void **state)
{
	size_t known = 0;

	(void)state;
	for (size_t i = 0; i < COUNT(safetensors); i++) {
		const struct fmt_type_info *info;
		enum fmt_type t;

		assert_true(fmt_type_from_st(safetensors[i].name, strlen(safetensors[i].name), &t));
		info = fmt_type_info(t);
		assert_int_equal(info->block_bytes * 8, info->block_elems * safetensors[i].bits);
	}
	for (int t = 0; t < FMT_TYPE_COUNT; t++)
		known += fmt_type_info((enum fmt_type)t)->st_name != NULL;
	assert_int_equal(known, COUNT(safetensors));
}

static void names(void **state)
{
	enum fmt_type t;

	(void)state;
	assert_true(fmt_type_from_name("q4_k", 4, &t));
	assert_int_equal(t, FMT_Q4_K);
	assert_false(fmt_type_from_name("Q4_K", 3, &t));
	assert_false(fmt_type_from_name("", 0, &t));
	assert_false(fmt_type_from_st("f32", 3, &t));
}

static void row_bytes(void **state)
{
	uint64_t n = 7;

	(void)state;
	assert_true(fmt_row_bytes(FMT_Q4_K, 512, &n));
	assert_int_equal(n, 288);
	assert_true(fmt_row_bytes(FMT_F32, 0, &n));
	assert_int_equal(n, 0);
	n = 7;
	assert_false(fmt_row_bytes(FMT_Q4_K, 128, &n));
	assert_false(fmt_row_bytes(FMT_F32, UINT64_MAX / 4 + 1, &n));
	assert_int_equal(n, 7);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(gguf_types), cmocka_unit_test(removed_and_foreign_ids), cmocka_unit_test(safetensors_types),
		cmocka_unit_test(names),      cmocka_unit_test(row_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
