// SPDX-License-Identifier: Apache-2.0
using System.Runtime.InteropServices;

namespace Lifeboat.Simulation;

/// <summary>
/// Begins the program once more with room for young garbage: worlds are short, and the collector takes this setting
/// from the environment only. Nothing depends on it but the time that a world takes.
/// </summary>
internal static partial class RoomyStart
{
    private const string Setting = "DOTNET_GCgen0size";

    public static void Ensure()
    {
        if (!OperatingSystem.IsLinux() || Environment.GetEnvironmentVariable(Setting) is not null) return;
        string?[] command = [.. File.ReadAllText("/proc/self/cmdline").Split('\0')[..^1], null];
        // When it fails we go on as we are.
        if (SetEnv(Setting, "0x10000000", overwrite: 1) == 0) _ = Exec("/proc/self/exe", command);
    }

    [LibraryImport("libc", EntryPoint = "setenv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int SetEnv(string name, string value, int overwrite);

    [LibraryImport("libc", EntryPoint = "execv", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Exec(string path, string?[] command);
}
