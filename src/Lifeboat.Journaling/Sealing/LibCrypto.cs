// SPDX-License-Identifier: Apache-2.0
using System.Reflection;
using System.Runtime.InteropServices;

namespace Lifeboat.Journaling.Sealing;

/// <summary>
/// AES-XTS of OpenSSL's libcrypto, which .NET's own cryptography uses as well but does not offer. Names and signatures
/// are those of EVP_EncryptInit(3), the same in 1.1 and 3.
/// </summary>
internal static partial class LibCrypto
{
    private const string Name = "crypto";
    private static readonly string[] Candidates = ["libcrypto.so.3", "libcrypto.so.1.1", "libcrypto.so"];

    static LibCrypto() => NativeLibrary.SetDllImportResolver(typeof(LibCrypto).Assembly, Resolve);

    [LibraryImport(Name, EntryPoint = "EVP_CIPHER_CTX_new")]
    public static partial nint NewContext();

    [LibraryImport(Name, EntryPoint = "EVP_CIPHER_CTX_free")]
    public static partial void FreeContext(nint context);

    [LibraryImport(Name, EntryPoint = "EVP_aes_256_xts")]
    public static partial nint Aes256Xts();

    /// <returns>1, or 0: it failed.</returns>
    [LibraryImport(Name, EntryPoint = "EVP_CipherInit_ex")]
    public static unsafe partial int Init(nint context, nint cipher, nint engine, byte* key, byte* iv, int encrypt);

    /// <returns>1, or 0: it failed.</returns>
    [LibraryImport(Name, EntryPoint = "EVP_CipherUpdate")]
    public static unsafe partial int Update(nint context, byte* output, out int written, byte* input, int length);

    private static nint Resolve(string name, Assembly assembly, DllImportSearchPath? path)
    {
        if (name != Name) return 0;
        foreach (var candidate in Candidates)
            if (NativeLibrary.TryLoad(candidate, assembly, path, out var handle)) return handle;
        return 0;
    }
}
