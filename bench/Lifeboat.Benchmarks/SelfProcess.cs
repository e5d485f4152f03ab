// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Benchmarks;

/// <summary>How to start this program once more, for what is to be measured in a process of its own.</summary>
internal static class SelfProcess
{
    public static string Program => Environment.ProcessPath!;

    public static string[] Arguments(params string[] arguments) =>
        Program.EndsWith("dotnet", StringComparison.Ordinal)
            ? [typeof(SelfProcess).Assembly.Location, .. arguments]
            : arguments;
}
