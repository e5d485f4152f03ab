// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Files;

/// <summary>
/// Copies a disk that a base image begins as. The format is told, or follows from the file's extension, and is never
/// guessed from its content: the first bytes of a raw disk belong to the guest, who could make them name a file of
/// this host.
/// </summary>
internal static class Seed
{
    private static readonly Dictionary<string, string> Formats = new(StringComparer.OrdinalIgnoreCase)
    {
        [".qcow2"] = "qcow2", [".qcow"] = "qcow", [".vmdk"] = "vmdk", [".vdi"] = "vdi", [".vhdx"] = "vhdx",
        [".vhd"] = "vpc", [".qed"] = "qed",
    };

    /// <summary>Into a new file; the caller sets its length.</summary>
    public static Task CopyAsync(string seed, string? format, string to, CancellationToken ct)
    {
        Check(seed);
        format ??= FormatOf(seed);
        return format == "raw"
            ? RunAsync(seed, "cp", ["--reflink=auto", "--sparse=always", "--", seed, to], ct)
            : RunAsync(seed, "qemu-img", ["convert", "-f", format, "-O", "raw", "-S", "4k", seed, to], ct);
    }

    /// <summary>Into an existing target, which keeps what lies behind the volume's end.</summary>
    public static async Task CopyIntoAsync(
        string seed, string? format, string target, long sizeBytes, CancellationToken ct)
    {
        Check(seed);
        format ??= FormatOf(seed);
        var told = await RunAsync(seed, "qemu-img", ["info", "-f", format, "--output=json", seed], ct);
        using var info = JsonDocument.Parse(told);
        // qemu-img refuses a target smaller than the source; the source is cut to the volume's size first.
        var size = Math.Min(sizeBytes, info.RootElement.GetProperty("virtual-size").GetInt64())
            .ToString(CultureInfo.InvariantCulture);
        var source = "driver=raw,size=" + size + (format == "raw"
            ? ",file.driver=file,file.filename=" + Escape(seed)
            : $",file.driver={format},file.file.driver=file,file.file.filename=" + Escape(seed));
        await RunAsync(seed, "qemu-img",
            ["convert", "-n", "--image-opts", "--target-image-opts", source,
                "driver=raw,file.driver=" + DriverOf(target) + ",file.filename=" + Escape(target)], ct);
    }

    private static void Check(string seed)
    {
        if (!System.IO.File.Exists(seed))
            throw new ReplicaStoreException(ReplicaStoreFault.SeedUnreadable, $"seed {seed} is not there");
    }

    private static string FormatOf(string seed) => Formats.GetValueOrDefault(Path.GetExtension(seed), "raw");

    private static string DriverOf(string target) =>
        target.StartsWith("/dev/", StringComparison.Ordinal) ? "host_device" : "file";

    private static string Escape(string path) => path.Replace(",", ",,", StringComparison.Ordinal);

    private static async Task<string> RunAsync(string seed, string program, string[] arguments, CancellationToken ct)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false,
        };
        start.Environment["LC_ALL"] = "C";
        using var process = Start(start);
        try
        {
            var told = process.StandardOutput.ReadToEndAsync(ct);
            var said = await process.StandardError.ReadToEndAsync(ct);
            await process.WaitForExitAsync(ct);
            if (process.ExitCode == 0) return await told;
            var fault = said.Contains("No space left", StringComparison.Ordinal)
                ? ReplicaStoreFault.Full
                : ReplicaStoreFault.SeedUnreadable;
            throw new ReplicaStoreException(fault, $"copying seed {seed}: {said.Trim()}");
        }
        finally
        {
            if (!process.HasExited) process.Kill();
        }
    }

    private static Process Start(ProcessStartInfo start)
    {
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception e)
        {
            throw new ReplicaStoreException(ReplicaStoreFault.SeedUnreadable,
                $"{start.FileName} cannot be started: {e.Message}", e);
        }
    }
}
