/*
 * What the C library's allocator has given out: `allocated()` in bytes, for a Node that loads this file with `process.dlopen`.
 * RSS alone cannot tell a leak from memory that was freed and kept for the next allocation. Node-API is declared by hand, so
 * that no header of Node is needed. Built with: cc -O2 -shared -fPIC -o allocator.node allocator.c (glibc 2.33 or newer).
 */
#include <malloc.h>

typedef void *napi_env, *napi_value, *napi_callback_info;
typedef napi_value (*napi_callback)(napi_env, napi_callback_info);
extern int napi_create_double(napi_env, double, napi_value *);
extern int napi_create_function(napi_env, const char *, size_t, napi_callback, void *, napi_value *);
extern int napi_set_named_property(napi_env, napi_value, const char *, napi_value);

static napi_value allocated(napi_env env, napi_callback_info info) {
  struct mallinfo2 all = mallinfo2();
  napi_value result = 0;
  (void)info;
  napi_create_double(env, (double)(all.uordblks + all.hblkhd), &result);
  return result;
}

napi_value napi_register_module_v1(napi_env env, napi_value exports) {
  napi_value function;
  napi_create_function(env, "allocated", 9, allocated, 0, &function);
  napi_set_named_property(env, exports, "allocated", function);
  return exports;
}
