// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Testing.Oracle;

/// <summary>The built boot files of the oracle guest.</summary>
public sealed record OracleGuest(string KernelFile, string InitrdFile)
{
    /// <summary>Builds the guest, or finds it built, in `artifacts/oracle-guest` of the source tree.</summary>
    public static Task<OracleGuest> BuildAsync(CancellationToken ct) =>
        BuildAsync(Path.Combine(SourceTree(), "artifacts", "oracle-guest"), ct);

    /// <summary>Builds the guest, or finds it built, in this directory. Callers wait for each other.</summary>
    public static async Task<OracleGuest> BuildAsync(string directory, CancellationToken ct)
    {
        await HostCommand.MustAsync(Path.Combine(SourceTree(), "kit", "guest", "build"), [directory], ct);
        return new OracleGuest(Path.Combine(directory, "vmlinuz"), Path.Combine(directory, "initrd"));
    }

    private static string SourceTree()
    {
        for (var at = new DirectoryInfo(AppContext.BaseDirectory); at is not null; at = at.Parent)
            if (File.Exists(Path.Combine(at.FullName, "Lifeboat.slnx"))) return at.FullName;
        throw new OracleException(OracleFault.ToolMissing, "the test kit runs only inside the source tree");
    }
}
