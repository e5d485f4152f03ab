// SPDX-License-Identifier: Apache-2.0
using Lifeboat.Contracts;

namespace Lifeboat.Controller.Declarations;

internal enum NodeKind { Text, List, Map }

/// <param name="At">Of the key.</param>
internal sealed record NodeEntry(string Key, FilePlace At, DeclaredNode Value);

/// <summary>A piece of YAML, and where it is.</summary>
internal sealed record DeclaredNode(NodeKind Kind, FilePlace At)
{
    public string Text { get; init; } = "";
    /// <summary>Written without quotes.</summary>
    public bool IsPlain { get; init; }
    public IReadOnlyList<DeclaredNode> Items { get; init; } = [];
    public IReadOnlyList<NodeEntry> Entries { get; init; } = [];

    public bool IsNull => Kind is NodeKind.Text && IsPlain && Text is "" or "~" or "null";

    public DeclaredNode? Find(string key) => Entries.FirstOrDefault(e => e.Key == key)?.Value;

    /// <summary>What it is instead of what was wanted, for people.</summary>
    public string Said => Kind switch
    {
        NodeKind.List => "a list",
        NodeKind.Map => "a mapping",
        NodeKind.Text when IsNull => "nothing",
        NodeKind.Text => $"'{(Text.Length > 60 ? Text[..60] + "…" : Text)}'",
    };
}
