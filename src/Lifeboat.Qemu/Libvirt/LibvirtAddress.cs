// SPDX-License-Identifier: Apache-2.0
namespace Lifeboat.Qemu.Libvirt;

/// <summary>
/// Names a QEMU whose monitor and guest agent belong to libvirt: a connection URI (https://libvirt.org/uri.html), `#`,
/// and the domain's uuid or name, e.g. `qemu:///system#0b1d7b4e-…`. It stands wherever a socket path may stand.
/// </summary>
/// <param name="Domain">Uuid or name. A uuid stays right when the domain is renamed or made anew.</param>
public sealed record LibvirtAddress(string Uri, string Domain)
{
    private const string Scheme = "://";

    /// <summary>True for what can only be meant as such an address; a path has no `://`.</summary>
    public static bool IsLike(string text) => text.Contains(Scheme, StringComparison.Ordinal);

    /// <summary>Null for a socket path.</summary>
    /// <exception cref="QmpException">Unreachable: it is neither; the message says what is missing.</exception>
    public static LibvirtAddress? Read(string text)
    {
        if (!IsLike(text)) return null;
        var mark = text.LastIndexOf('#');
        if (mark <= 0 || mark == text.Length - 1)
            throw new QmpException(QmpFault.Unreachable,
                $"'{text}' names no domain of libvirt; write e.g. qemu:///system#NAME");
        return new LibvirtAddress(text[..mark], text[(mark + 1)..]);
    }

    /// <summary>As it was given when it is an address, else the path made absolute.</summary>
    public static string Absolute(string text) => IsLike(text) ? text : Path.GetFullPath(text);

    public override string ToString() => $"{Uri}#{Domain}";
}
