/* typed.h: compiles the typed part of a kernel file once per element type, so that the algebra
 * checked in double is the algebra shipped in float.  A kernel file looks like this:
 *
 *   #ifndef real
 *   #include "kernels/cpu/cpu.h"
 *   #include "kernels/op/typed.h"
 *   …infer, launchers (GT_PICK), the descriptor…
 *   #else
 *   static void T(rows)(void *argument, int64_t begin, int64_t end) { … }
 *   #endif
 *
 * Inside the typed part `real` is the type, T(name) becomes name_f32, name_f64 (and name_i64 with
 * GT_TYPED_I64 defined, for GT_NUMBERS ops; name_i64 alone with GT_TYPED_ONLY_I64), and
 * REAL_IS_INTEGER tells integers apart.  The typed part is that of the file being compiled; a
 * header with one of its own names itself in GT_TYPED.  Elementwise ops get all this from reals.h,
 * numbers.h or bits.h. */
#ifndef GT_TYPED
#define GT_TYPED __BASE_FILE__
#endif

#ifndef GT_TYPED_ONLY_I64
#define real float
#define T(name) name##_f32
#define REAL(x) x##f
#define REAL_IS_INTEGER 0
#include GT_TYPED
#undef real
#undef T
#undef REAL

#define real double
#define T(name) name##_f64
#define REAL(x) x
#include GT_TYPED
#undef real
#undef T
#undef REAL
#undef REAL_IS_INTEGER
#endif

#if defined GT_TYPED_I64 || defined GT_TYPED_ONLY_I64
#define real int64_t
#define T(name) name##_i64
#define REAL(x) x
#define REAL_IS_INTEGER 1
#include GT_TYPED
#undef real
#undef T
#undef REAL
#undef REAL_IS_INTEGER
#endif

#undef GT_TYPED

/* The function for the call's compute dtype. */
#ifdef GT_TYPED_ONLY_I64
#define GT_PICK(c, name) name##_i64
#elif defined GT_TYPED_I64
#define GT_PICK(c, name)                                                                           \
  ((c)->dtype == GT_F32 ? name##_f32 : (c)->dtype == GT_F64 ? name##_f64 : name##_i64)
#else
#define GT_PICK(c, name) ((c)->dtype == GT_F64 ? name##_f64 : name##_f32)
#endif
