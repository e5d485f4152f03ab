// SPDX-License-Identifier: Apache-2.0
using System.Buffers.Binary;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;

namespace Lifeboat.Nbd;

// The option phase of one connection.
//
//   greeting -> options* -> GO or EXPORT_NAME -> transmission
//                  |  \-> ABORT, end of stream, or a broken message -> closed
//                  \-> STARTTLS: everything agreed before it is forgotten
//
// Reads exactly one message at a time, never ahead: bytes sent in clear after STARTTLS can only be TLS.
internal sealed partial class Handshake(
    Channel channel, Socket socket, NbdConnection connection, NbdServer server, NbdServerOptions options)
{
    private readonly OptionReplies _replies = new();
    private HandshakeFlags _clientFlags;
    private bool _tls;
    private bool _structured;
    private string? _contextsFor;
    private IReadOnlyList<MetaContext> _contexts = [];

    public Channel Channel { get; private set; } = channel;

    /// <summary>Null when the client ended the handshake in order.</summary>
    public Session? Run()
    {
        Greet();
        for (var count = 0; count < NbdLimits.OptionsMax; count++)
        {
            var (option, data) = ReceiveOption();
            if (option == OptionType.ExportName)
                return ChooseByExportName(data);
            if (option == OptionType.Abort)
            {
                Reply(option, OptionReply.Ack);
                return null;
            }
            if (Answer(option, data) is { } session)
                return session;
        }
        throw NbdException.Violation($"more than {NbdLimits.OptionsMax} options");
    }

    private bool MustUpgrade => options.TlsMode == NbdTlsMode.Required && !_tls;

    private void Greet()
    {
        Span<byte> greeting = stackalloc byte[18];
        BinaryPrimitives.WriteUInt64BigEndian(greeting, Wire.ServerMagic);
        BinaryPrimitives.WriteUInt64BigEndian(greeting[8..], Wire.OptionMagic);
        BinaryPrimitives.WriteUInt16BigEndian(greeting[16..], (ushort)HandshakeFlags.All);
        Channel.Send(greeting);

        Span<byte> flags = stackalloc byte[4];
        Channel.ReceiveExactly(flags);
        _clientFlags = (HandshakeFlags)BinaryPrimitives.ReadUInt32BigEndian(flags);
        if ((_clientFlags & ~HandshakeFlags.All) != 0)
            throw NbdException.Violation($"unknown client flags {(uint)_clientFlags:x}");
    }

    private (OptionType, byte[]) ReceiveOption()
    {
        Span<byte> header = stackalloc byte[Wire.OptionHeaderBytes];
        Channel.ReceiveExactly(header);
        if (BinaryPrimitives.ReadUInt64BigEndian(header) != Wire.OptionMagic)
            throw NbdException.Violation("bad option magic");
        var length = BinaryPrimitives.ReadUInt32BigEndian(header[12..]);
        if (length > NbdLimits.OptionBytesMax)
            throw NbdException.Violation($"an option of {length} bytes");
        var data = new byte[length];
        Channel.ReceiveExactly(data);
        return ((OptionType)BinaryPrimitives.ReadUInt32BigEndian(header[8..]), data);
    }

    private Session? Answer(OptionType option, byte[] data)
    {
        if (option == OptionType.StartTls)
            StartTls(data);
        else if (MustUpgrade)
            Reply(option, OptionReply.ErrTlsRequired, "TLS is required");
        else
            switch (option)
            {
                case OptionType.List:
                    List(data);
                    break;
                case OptionType.Info:
                    Describe(option, data);
                    break;
                case OptionType.Go:
                    return Go(data);
                case OptionType.StructuredReply:
                    UseStructuredReplies(data);
                    break;
                case OptionType.ListMetaContext or OptionType.SetMetaContext:
                    AnswerMetaContext(option, data);
                    break;
                default:
                    Reply(option, OptionReply.ErrUnsupported, "this server does not know the option");
                    break;
            }
        return null;
    }

    private void StartTls(byte[] data)
    {
        const OptionType Option = OptionType.StartTls;
        if (data.Length != 0)
            Reply(Option, OptionReply.ErrInvalid, "STARTTLS has no data");
        else if (options.TlsMode == NbdTlsMode.Off)
            Reply(Option, OptionReply.ErrPolicy, "TLS is not configured");
        else if (_tls)
            Reply(Option, OptionReply.ErrInvalid, "TLS is already on");
        else
        {
            Reply(Option, OptionReply.Ack);
            UpgradeToTls();
        }
    }

    private void UpgradeToTls()
    {
        var stream = new SslStream(new NetworkStream(socket, ownsSocket: false));
        Channel = new TlsChannel(stream);
        try
        {
            stream.AuthenticateAsServer(options.Tls!);
        }
        catch (Exception e) when (e is AuthenticationException or IOException or CryptographicException)
        {
            throw new NbdException(NbdFault.TlsFailed, $"TLS handshake failed: {e.Message}", e);
        }
        (_tls, _structured, _contextsFor, _contexts) = (true, false, null, []);
    }

    private void UseStructuredReplies(byte[] data)
    {
        _structured |= data.Length == 0;
        if (data.Length == 0)
            Reply(OptionType.StructuredReply, OptionReply.Ack);
        else
            Reply(OptionType.StructuredReply, OptionReply.ErrInvalid, "STRUCTURED_REPLY has no data");
    }

    private void Reply(OptionType option, OptionReply reply, string message = "")
    {
        _replies.AddText(option, reply, message);
        _replies.SendTo(Channel);
    }
}
