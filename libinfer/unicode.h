/* General categories of Unicode 16.0, the version that Hugging Face's expressions mean. One generated table, so that
 * the versions of the system's libraries do not matter. */
#ifndef LIBINFER_UNICODE_H
#define LIBINFER_UNICODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum uni_cat {
	UNI_LU, UNI_LL, UNI_LT, UNI_LM, UNI_LO,
	UNI_MN, UNI_MC, UNI_ME,
	UNI_ND, UNI_NL, UNI_NO,
	UNI_PC, UNI_PD, UNI_PS, UNI_PE, UNI_PI, UNI_PF, UNI_PO,
	UNI_SM, UNI_SC, UNI_SK, UNI_SO,
	UNI_ZS, UNI_ZL, UNI_ZP,
	UNI_CC, UNI_CF, UNI_CS, UNI_CO, UNI_CN,
	UNI_N_CATS
};

/* Sets of categories: bit 1 << category. */
#define UNI_SET_L (UINT32_C(0x1f) << UNI_LU)
#define UNI_SET_M (UINT32_C(7) << UNI_MN)
#define UNI_SET_N (UINT32_C(7) << UNI_ND)
#define UNI_SET_P (UINT32_C(0x7f) << UNI_PC)
#define UNI_SET_S (UINT32_C(0xf) << UNI_SM)
#define UNI_SET_Z (UINT32_C(7) << UNI_ZS)
#define UNI_SET_C (UINT32_C(0x1f) << UNI_CC)

extern const uint32_t uni_runs[]; /* ascending: first code point << 5 | category */
extern const uint32_t uni_n_runs;

/* The code points below it, which most texts are made of, one by one. */
#define UNI_LOW 0x800
extern const uint8_t uni_low[UNI_LOW];
enum uni_cat uni_category_by_run(uint32_t code);

static inline enum uni_cat uni_category(uint32_t code)
{
	return code < UNI_LOW ? (enum uni_cat)uni_low[code] : uni_category_by_run(code);
}

static inline bool uni_is(uint32_t code, uint32_t set)
{
	return set >> uni_category(code) & 1;
}

/* The set that \p{NAME} means ("L", "Lu", "N", ...); 0 if the name is not a general category. */
uint32_t uni_set_by_name(const char *name, size_t n);

/* White_Space, as \s of Hugging Face's expressions and Rust's char::is_whitespace have it. */
bool uni_is_space(uint32_t code);

/* What is part of a word (\w of Rust's expressions): letters, marks, decimal digits, letter numbers, connectors and
 * joiners. */
bool uni_is_word(uint32_t code);

/* The blocks of ideographs that BERT knows, with the slip that all copies of its code have (U+2B820 left out). */
bool uni_is_bert_ideograph(uint32_t code);

struct uni_range {
	uint32_t first, last;
};
/* ranges: ascending, and ended by one from UINT32_MAX */
bool uni_in(uint32_t code, const struct uni_range *ranges);

/* Parts of Hugging Face's library (BertNormalizer, StripAccents, Punctuation) have older tables: what they do not count yet
 * in a set of categories, and what they still count. */
struct uni_old {
	const struct uni_range *new, *gone;
};
extern const struct uni_old uni_old_punctuation, uni_old_bert_accent, uni_old_accent, uni_old_control;

static inline bool uni_was(uint32_t code, uint32_t set, const struct uni_old *old)
{
	return uni_is(code, set) ? !uni_in(code, old->new) : uni_in(code, old->gone);
}

/* What its normalization forms, of Unicode 9.0, leave as it is and later versions do not. */
extern const struct uni_range uni_new_forms[];

/* Lower case, Unicode 16.0, of what is not ASCII, and but for U+0130, whose lower case is two characters. */
struct uni_case {
	uint32_t first, last, step;
	int32_t distance;
};
extern const struct uni_case uni_lower[]; /* ascending */
extern const uint32_t uni_n_lower;
uint32_t uni_to_lower(uint32_t code);

/* What UnicodeScripts keeps together: a class of scripts, or 0 for what goes with its neighbours. */
unsigned uni_script(uint32_t code);
extern const uint32_t uni_scripts[]; /* ascending: first code point << 8 | class */
extern const uint32_t uni_n_scripts;

/* Code point at p, which is well-formed UTF-8; its bytes go to *len. */
uint32_t uni_get(const char *p, size_t *len);

/* Start of the character that ends just before p + n; n > 0, well-formed UTF-8. */
size_t uni_before(const char *p, size_t n);

#endif
