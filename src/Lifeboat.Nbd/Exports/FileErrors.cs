// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Nbd;

internal static class FileErrors
{
    private const int Eperm = 1;
    private const int Enomem = 12;
    private const int Einval = 22;
    private const int Efbig = 27;
    private const int Enospc = 28;
    private const int Erofs = 30;
    private const int Eopnotsupp = 95;
    private const int Edquot = 122;

    public static NbdError Of(int errno) => errno switch
    {
        Eperm or Erofs => NbdError.NotPermitted,
        Enomem => NbdError.NoMemory,
        Einval => NbdError.Invalid,
        Enospc or Edquot or Efbig => NbdError.NoSpace,
        Eopnotsupp => NbdError.NotSupported,
        _ => NbdError.Io,
    };

    // On Linux the runtime keeps the errno in HResult, except where it has a type or a Win32 code of its own.
    public static NbdError Of(IOException e) =>
        e.HResult == unchecked((int)0x80070070) ? NbdError.NoSpace : Of(e.HResult & 0xffff);
}
