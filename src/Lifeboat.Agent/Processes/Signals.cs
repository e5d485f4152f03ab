// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Agent.Processes;

internal static partial class Signals
{
    private const int Kill = 9;
    private const int Terminate = 15;

    /// <summary>Ends it at once, stopped or not. One that is gone is fine.</summary>
    public static void KillAtOnce(ProcessIdentity process) => Send(process, Kill);

    public static void AskToEnd(ProcessIdentity process) => Send(process, Terminate);

    // The start time is compared right before, so that a number given to somebody else is not hit.
    internal static void Send(ProcessIdentity process, int signal)
    {
        if (process.Id > 1 && process.IsAlive) _ = SendSignal(process.Id, signal);
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int SendSignal(int process, int signal);
}
