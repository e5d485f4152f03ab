// SPDX-License-Identifier: Apache-2.0
using System.ComponentModel;
using System.Diagnostics;
using System.Text.Json;
using System.Text.Json.Nodes;
using Lifeboat.Replication.Replicas;

namespace Lifeboat.Volumes.Files;

/// <summary>
/// Copies a disk that a base image begins as. The format is told, or follows from the file's extension, and is never
/// guessed from its content: the first bytes of a raw disk belong to the guest, who could make them name a file of
/// this host. What is no file is named by `json:` and the options of QEMU's driver for it.
/// </summary>
internal static class Seed
{
    private const string Json = "json:";
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
        return format == "raw" && IsFile(seed)
            ? RunAsync(seed, "cp", ["--reflink=auto", "--sparse=always", "--", seed, to], ct)
            : RunAsync(seed, "qemu-img", ["convert", "-O", "raw", "-S", "4k", Named(Opened(seed, format)), to], ct);
    }

    /// <summary>Into an existing target, which keeps what lies behind the volume's end.</summary>
    public static async Task CopyIntoAsync(
        string seed, string? format, string target, long sizeBytes, CancellationToken ct)
    {
        Check(seed);
        format ??= FormatOf(seed);
        var told = await RunAsync(seed, "qemu-img", ["info", "--output=json", Named(Opened(seed, format))], ct);
        using var info = JsonDocument.Parse(told);
        // qemu-img refuses a target smaller than the source; the source is cut to the volume's size first.
        var size = Math.Min(sizeBytes, info.RootElement.GetProperty("virtual-size").GetInt64());
        var source = new JsonObject { ["driver"] = "raw", ["size"] = size, ["file"] = Opened(seed, format) };
        await RunAsync(seed, "qemu-img",
            ["convert", "-n", "--target-image-opts", Named(source),
                "driver=raw,file.driver=" + DriverOf(target) + ",file.filename=" + Escape(target)], ct);
    }

    private static JsonObject Opened(string seed, string format) => new()
    {
        ["driver"] = format,
        ["file"] = IsFile(seed) ? new JsonObject { ["driver"] = "file", ["filename"] = seed }
            : JsonNode.Parse(seed[Json.Length..]),
    };

    private static string Named(JsonObject image) => Json + image.ToJsonString();

    private static bool IsFile(string seed) => !seed.StartsWith(Json, StringComparison.Ordinal);

    private static void Check(string seed)
    {
        if (IsFile(seed) && !System.IO.File.Exists(seed))
            throw new ReplicaStoreException(ReplicaStoreFault.SeedUnreadable, $"seed {seed} is not there");
    }

    private static string FormatOf(string seed) =>
        IsFile(seed) ? Formats.GetValueOrDefault(Path.GetExtension(seed), "raw") : "raw";

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
