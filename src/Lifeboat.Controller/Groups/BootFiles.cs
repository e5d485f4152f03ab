// SPDX-License-Identifier: Apache-2.0
using System.Security.Cryptography;
using Lifeboat.Contracts;
using Lifeboat.Contracts.Peers;
using Lifeboat.Contracts.Sites;
using Lifeboat.Controller.Peers;
using Lifeboat.Protection;
using Lifeboat.Protection.Instances;

namespace Lifeboat.Controller.Groups;

/// <summary>
/// Kernels and initrds by their content, so that a description means the same at every site: `sha256:HEX` in a group's
/// description is the file `boot/HEX` of each site. They are few and small, and never deleted.
/// </summary>
internal sealed class BootFiles(SitePaths paths)
{
    public const int ChunkBytes = 4 << 20;
    private const long SizeMax = 1L << 30;
    private const string Scheme = "sha256:";

    /// <summary>Takes the files of a description in; the answer names them by content.</summary>
    /// <exception cref="ProblemException">BootFileMissing.</exception>
    public async Task<InstanceDescription> ImportAsync(InstanceDescription description, CancellationToken ct)
    {
        if (description.Kernel is not { } kernel) return description;
        return description with
        {
            Kernel = kernel with
            {
                KernelFile = await ImportAsync(kernel.KernelFile, ct),
                InitrdFile = kernel.InitrdFile is { } initrd ? await ImportAsync(initrd, ct) : null,
            },
        };
    }

    /// <summary>The description with paths of this site.</summary>
    public InstanceDescription Resolve(InstanceDescription description) => description.Kernel is not { } kernel
        ? description
        : description with
        {
            Kernel = kernel with
            {
                KernelFile = Resolve(kernel.KernelFile),
                InitrdFile = kernel.InitrdFile is { } initrd ? Resolve(initrd) : null,
            },
        };

    /// <summary>Those of the description's files that are not here.</summary>
    public IEnumerable<string> Missing(InstanceDescription description) =>
        Names(description).Where(n => !File.Exists(Resolve(n)));

    /// <summary>Sends what the other site has not got; goes on where an earlier attempt ended.</summary>
    public async Task SendAsync(InstanceDescription description, PeerSide peer, CancellationToken ct)
    {
        foreach (var name in Names(description))
        {
            var digest = name[Scheme.Length..];
            var state = await peer.BootFileAsync(digest, ct);
            if (state.Complete) continue;
            await using var file = File.OpenRead(Resolve(name));
            var buffer = new byte[ChunkBytes];
            file.Position = Math.Min(state.Received, file.Length);
            do
            {
                var offset = file.Position;
                var read = await file.ReadAtLeastAsync(buffer, buffer.Length, throwOnEndOfStream: false, ct);
                var last = file.Position == file.Length;
                await peer.SendBootFileAsync(digest, offset, last, buffer.AsMemory(0, read), ct);
            }
            while (file.Position < file.Length);
        }
    }

    public BootFileState State(string digest)
    {
        var whole = PathOf(digest);
        var part = new FileInfo(whole + ".part");
        return File.Exists(whole)
            ? new(digest, true, new FileInfo(whole).Length)
            : new(digest, false, part.Exists ? part.Length : 0);
    }

    /// <summary>Takes the next bytes of a file; the last complete it when its content is what its name says.</summary>
    public async Task ReceiveAsync(string digest, long offset, bool last, Stream bytes, CancellationToken ct)
    {
        var whole = PathOf(digest);
        if (File.Exists(whole)) return;
        await using (var part = new FileStream(whole + ".part", FileMode.OpenOrCreate, FileAccess.ReadWrite))
        {
            if (offset < 0 || offset > part.Length || offset > SizeMax - ChunkBytes)
                throw new ProblemException(ReasonCode.InvalidRequest, $"bytes at {offset} do not follow {part.Length}");
            part.SetLength(offset);
            part.Position = offset;
            await bytes.CopyToAsync(part, ct);
            if (!last) return;
            part.Position = 0;
            var found = Convert.ToHexStringLower(await SHA256.HashDataAsync(part, ct));
            if (found != digest)
            {
                part.SetLength(0);
                throw new ProblemException(ReasonCode.InvalidRequest, $"the content of {digest} is {found}");
            }
            part.Flush(flushToDisk: true);
        }
        File.Move(whole + ".part", whole, overwrite: true);
    }

    private static IEnumerable<string> Names(InstanceDescription description) =>
        new[] { description.Kernel?.KernelFile, description.Kernel?.InitrdFile }
            .OfType<string>().Where(n => n.StartsWith(Scheme, StringComparison.Ordinal));

    private async Task<string> ImportAsync(string file, CancellationToken ct)
    {
        if (file.StartsWith(Scheme, StringComparison.Ordinal)) return file;
        try
        {
            await using var source = File.OpenRead(file);
            var digest = Convert.ToHexStringLower(await SHA256.HashDataAsync(source, ct));
            source.Position = 0;
            if (!File.Exists(PathOf(digest))) await ReceiveAsync(digest, 0, last: true, source, ct);
            return Scheme + digest;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new ProblemException(ReasonCode.BootFileMissing, $"boot file {file} cannot be read", e.Message,
                cause: e);
        }
    }

    private string Resolve(string name) =>
        name.StartsWith(Scheme, StringComparison.Ordinal) ? PathOf(name[Scheme.Length..]) : name;

    private string PathOf(string digest)
    {
        if (digest.Length != 64 || !digest.All(char.IsAsciiHexDigitLower))
            throw new ProblemException(ReasonCode.InvalidRequest, $"'{digest}' is not a SHA-256 in lower-case hex");
        return Path.Combine(paths.Boot, digest);
    }
}
