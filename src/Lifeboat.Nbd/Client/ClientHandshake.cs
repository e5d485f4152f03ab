// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net.Security;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Text;

namespace Lifeboat.Nbd;

// The option phase as the client:
//
//   greeting -> [STARTTLS] -> LIST -> replies -> ABORT
//                         \-> [STRUCTURED_REPLY] -> [SET_META_CONTEXT] -> GO (or EXPORT_NAME where GO is unknown)
internal sealed partial class ClientHandshake(Stream stream, NbdClientOptions options)
{
    private HandshakeFlags _flags;
    private bool _structured;
    private List<MetaContext> _contexts = [];

    /// <summary>The plain stream, or the TLS stream after the upgrade.</summary>
    public Stream Stream { get; private set; } = stream;

    public async Task<Agreed> ChooseAsync(CancellationToken ct)
    {
        await BeginAsync(ct);
        if (options.StructuredReplies && _flags.HasFlag(HandshakeFlags.FixedNewstyle))
            _structured = await AcceptedAsync(OptionType.StructuredReply, ct);
        if (_structured && options.MetaContexts.Count > 0)
            _contexts = await SetMetaContextsAsync(ct);
        return await GoAsync(ct) ?? await ChooseByExportNameAsync(ct);
    }

    public async Task<IReadOnlyList<NbdListedExport>> ListAsync(CancellationToken ct)
    {
        await BeginAsync(ct);
        await SendOptionAsync(OptionType.List, [], ct);
        var found = new List<NbdListedExport>();
        while (await ReceiveReplyAsync(OptionType.List, ct) is var reply && reply.Type != OptionReply.Ack)
        {
            Accept(reply, OptionReply.Server);
            found.Add(ParseListed(reply.Data));
            if (found.Count > NbdLimits.ListedExportsMax)
                throw NbdException.Violation($"more than {NbdLimits.ListedExportsMax} exports");
        }
        await SendOptionAsync(OptionType.Abort, [], ct);
        return found;
    }

    private async Task BeginAsync(CancellationToken ct)
    {
        var greeting = new byte[18];
        await ReceiveAsync(greeting, ct);
        if (BinaryPrimitives.ReadUInt64BigEndian(greeting) != Wire.ServerMagic)
            throw NbdException.Violation("this is not an NBD server");
        var style = BinaryPrimitives.ReadUInt64BigEndian(greeting.AsSpan(8));
        if (style == Wire.OldStyleMagic)
            throw NbdException.Violation("the server speaks the oldstyle handshake, which has no options");
        if (style != Wire.OptionMagic)
            throw NbdException.Violation("bad option magic in the greeting");
        _flags = (HandshakeFlags)BinaryPrimitives.ReadUInt16BigEndian(greeting.AsSpan(16)) & HandshakeFlags.All;

        var answer = new byte[4];
        BinaryPrimitives.WriteUInt32BigEndian(answer, (uint)_flags);
        await SendAsync(answer, ct);
        if (options.Tls is not null)
            await UpgradeToTlsAsync(options.Tls, ct);
    }

    private async Task UpgradeToTlsAsync(SslClientAuthenticationOptions tls, CancellationToken ct)
    {
        if (!_flags.HasFlag(HandshakeFlags.FixedNewstyle) || !await AcceptedAsync(OptionType.StartTls, ct))
            throw new NbdException(NbdFault.Rejected, "the server does not offer TLS");
        var encrypted = new SslStream(Stream);
        Stream = encrypted;
        try
        {
            await encrypted.AuthenticateAsClientAsync(tls, ct);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or CryptographicException)
        {
            throw new NbdException(NbdFault.TlsFailed, $"TLS handshake failed: {e.Message}", e);
        }
    }

    /// <summary>Asks for something without data. Any refusal is a no.</summary>
    private async Task<bool> AcceptedAsync(OptionType option, CancellationToken ct)
    {
        await SendOptionAsync(option, [], ct);
        var reply = await ReceiveReplyAsync(option, ct);
        if (!reply.IsError)
            Accept(reply, OptionReply.Ack);
        return !reply.IsError;
    }

    private async Task<List<MetaContext>> SetMetaContextsAsync(CancellationToken ct)
    {
        const OptionType Option = OptionType.SetMetaContext;
        await SendOptionAsync(Option, MetaContextRequest(), ct);
        var agreed = new List<MetaContext>();
        while (await ReceiveReplyAsync(Option, ct) is var reply && reply.Type != OptionReply.Ack)
        {
            if (reply.Type == OptionReply.ErrUnsupported)
                return [];
            Accept(reply, OptionReply.MetaContext);
            var context = ParseMetaContext(reply.Data);
            var twice = agreed.Any(c => c.Id == context.Id || c.Name == context.Name);
            if (twice || !options.MetaContexts.Contains(context.Name))
                throw NbdException.Violation($"meta context '{context.Name}' was not asked for, or came twice");
            agreed.Add(context);
        }
        return agreed;
    }

    private async Task<Agreed?> GoAsync(CancellationToken ct)
    {
        if (!_flags.HasFlag(HandshakeFlags.FixedNewstyle))
            return null;
        await SendOptionAsync(OptionType.Go, GoRequest(), ct);
        var facts = new ServerFacts();
        for (var count = 0; count < NbdLimits.OptionsMax; count++)
        {
            var reply = await ReceiveReplyAsync(OptionType.Go, ct);
            if (reply.Type == OptionReply.Ack)
                return facts.Agree(options.Export, _structured, _contexts);
            if (reply.Type == OptionReply.ErrUnsupported)
                return null;
            Accept(reply, OptionReply.Info);
            facts.Learn(reply.Data);
        }
        throw NbdException.Violation("endless information about the export");
    }

    private async Task<Agreed> ChooseByExportNameAsync(CancellationToken ct)
    {
        await SendOptionAsync(OptionType.ExportName, Encoding.UTF8.GetBytes(options.Export), ct);
        var answer = new byte[_flags.HasFlag(HandshakeFlags.NoZeroes) ? 10 : 134];
        await ReceiveAsync(answer, ct);
        var facts = new ServerFacts();
        facts.LearnExport(answer.AsSpan(0, 10));
        return facts.Agree(options.Export, _structured, _contexts);
    }
}
