/* Lookups in the table of categories, and UTF-8 that is known to be well formed. */
#include <string.h>

#include "unicode.h"

/* The last of n ascending runs that begins at or before `code`; the code point stands above `shift` bits. */
static uint32_t find_run(const uint32_t *runs, uint32_t n, unsigned shift, uint32_t code)
{
	uint32_t low = 0, high = n; /* the run is in [low, high) */

	while (high - low > 1) {
		uint32_t mid = low + (high - low) / 2;

		if (runs[mid] >> shift <= code)
			low = mid;
		else
			high = mid;
	}
	return runs[low];
}

enum uni_cat uni_category_by_run(uint32_t code)
{
	return (enum uni_cat)(find_run(uni_runs, uni_n_runs, 5, code) & 31);
}

unsigned uni_script(uint32_t code)
{
	return find_run(uni_scripts, uni_n_scripts, 8, code) & 255;
}

uint32_t uni_set_by_name(const char *name, size_t n)
{
	static const struct {
		char name[3];
		uint32_t set;
	} groups[] = {
		{ "L", UNI_SET_L }, { "M", UNI_SET_M }, { "N", UNI_SET_N }, { "P", UNI_SET_P },
		{ "S", UNI_SET_S }, { "Z", UNI_SET_Z }, { "C", UNI_SET_C },
	};
	static const char cats[] = "LuLlLtLmLoMnMcMeNdNlNoPcPdPsPePiPfPoSmScSkSoZsZlZpCcCfCsCoCn";

	for (size_t i = 0; n == 1 && i < sizeof groups / sizeof *groups; i++)
		if (*name == *groups[i].name)
			return groups[i].set;
	for (size_t i = 0; n == 2 && i < UNI_N_CATS; i++)
		if (!memcmp(name, cats + 2 * i, 2))
			return UINT32_C(1) << i;
	return 0;
}

bool uni_is_space(uint32_t code)
{
	if (code < 0x80)
		return code == ' ' || (code >= 9 && code <= 13);
	return code == 0x85 || code == 0xa0 || code == 0x1680 || (code >= 0x2000 && code <= 0x200a) || code == 0x2028 ||
	       code == 0x2029 || code == 0x202f || code == 0x205f || code == 0x3000;
}

bool uni_is_word(uint32_t code)
{
	const uint32_t set = UNI_SET_L | UNI_SET_M | 1u << UNI_ND | 1u << UNI_NL | 1u << UNI_PC;

	/* Other_Alphabetic adds the circled and squared letters; Join_Control the two joiners. */
	return uni_is(code, set) || code == 0x200c || code == 0x200d || (code >= 0x24b6 && code <= 0x24e9) ||
	       (code >= 0x1f130 && code <= 0x1f149) || (code >= 0x1f150 && code <= 0x1f169) ||
	       (code >= 0x1f170 && code <= 0x1f189);
}

bool uni_is_bert_ideograph(uint32_t c)
{
	return c >= 0x3400 && ((c >= 0x4e00 && c <= 0x9fff) || (c >= 0x3400 && c <= 0x4dbf) || (c >= 0x20000 && c <= 0x2a6df) ||
	       (c >= 0x2a700 && c <= 0x2b73f) || (c >= 0x2b740 && c <= 0x2b81f) || (c >= 0x2b920 && c <= 0x2ceaf) ||
	       (c >= 0xf900 && c <= 0xfaff) || (c >= 0x2f800 && c <= 0x2fa1f));
}

bool uni_in(uint32_t code, const struct uni_range *ranges)
{
	while (ranges->last < code)
		ranges++;
	return ranges->first <= code && code <= ranges->last;
}

uint32_t uni_to_lower(uint32_t code)
{
	const struct uni_case *from = uni_lower;
	size_t n = uni_n_lower; /* of those from `from` on, the last that begins at or before the code */

	while (n > 1) {
		size_t half = n / 2;

		from += from[half].first <= code ? half : 0;
		n -= half;
	}
	if (code < from->first || code > from->last || (code - from->first) % from->step)
		return code;
	return (uint32_t)((int64_t)code + from->distance);
}

uint32_t uni_get(const char *p, size_t *len)
{
	const unsigned char *s = (const unsigned char *)p;

	if (s[0] < 0x80) {
		*len = 1;
		return s[0];
	}
	if (s[0] < 0xe0) {
		*len = 2;
		return (s[0] & 31u) << 6 | (s[1] & 63u);
	}
	if (s[0] < 0xf0) {
		*len = 3;
		return (s[0] & 15u) << 12 | (s[1] & 63u) << 6 | (s[2] & 63u);
	}
	*len = 4;
	return (s[0] & 7u) << 18 | (s[1] & 63u) << 12 | (s[2] & 63u) << 6 | (s[3] & 63u);
}

size_t uni_before(const char *p, size_t n)
{
	do
		n--;
	while (n && ((unsigned char)p[n] & 0xc0) == 0x80);
	return n;
}
