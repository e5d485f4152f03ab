// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Protection;

namespace Lifeboat.Cli;

/// <summary>
/// Exit codes have names: 0 is success, every other is the number of the <see cref="ReasonCode"/> that was printed.
/// 130 is an interrupt.
/// </summary>
internal static class ExitCode
{
    public const int Ok = 0;
    public const int Usage = (int)ReasonCode.Usage;
    public const int Interrupted = 130;

    public static int From(ReasonCode reason) => reason == ReasonCode.None ? (int)ReasonCode.Unexpected : (int)reason;
}
