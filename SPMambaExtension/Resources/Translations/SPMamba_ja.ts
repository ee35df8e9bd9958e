<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="ja" sourcelanguage="en">
  <context>
    <name>SPMamba</name>
    <message>
      <source>Marks what is unusual in a medical image: select a volume and a model, click Detect anomalies, walk from finding to finding, export the segments. The models have seen normal images only. Research use only, not for diagnosis.</source>
      <translation>医用画像の中の通常と異なる部分をマークします。ボリュームとモデルを選び、「異常を検出」をクリックし、所見を順に確認して、セグメントを書き出します。モデルは正常画像のみで学習しています。研究専用です。診断には使用できません。</translation>
    </message>
    <message>
      <source>Method: SP-Mamba, an unsupervised detector of anomalies in medical images with spatially bound prototypes and a state space decoder.</source>
      <translation>手法: SP-Mamba。空間的に位置づけたプロトタイプと状態空間デコーダーを用いる、医用画像の教師なし異常検出器です。</translation>
    </message>
    <message>
      <source>Research use only, not for diagnosis.</source>
      <translation>研究専用です。診断には使用できません。</translation>
    </message>
    <message>
      <source>Input</source>
      <translation>入力</translation>
    </message>
    <message>
      <source>Volume:</source>
      <translation>ボリューム:</translation>
    </message>
    <message>
      <source>The image to analyse.</source>
      <translation>解析する画像。</translation>
    </message>
    <message>
      <source>Select a volume</source>
      <translation>ボリュームを選択</translation>
    </message>
    <message>
      <source>Model:</source>
      <translation>モデル:</translation>
    </message>
    <message>
      <source>What the image is compared with: normal images of one kind.</source>
      <translation>比較の対象となる、一種類の正常画像。</translation>
    </message>
    <message>
      <source>Load the head that comes with the extension: normal, but for one implanted lesion.</source>
      <translation>拡張機能に付属の頭部画像を読み込みます。埋め込まれた病変が一つある以外は正常です。</translation>
    </message>
    <message>
      <source>Load sample</source>
      <translation>サンプルを読み込む</translation>
    </message>
    <message>
      <source>Detect anomalies</source>
      <translation>異常を検出</translation>
    </message>
    <message>
      <source>Findings:</source>
      <translation>所見:</translation>
    </message>
    <message>
      <source>fewer</source>
      <translation>少ない</translation>
    </message>
    <message>
      <source>more</source>
      <translation>多い</translation>
    </message>
    <message>
      <source>Model's own</source>
      <translation>モデルの既定値</translation>
    </message>
    <message>
      <source>Back to the operating point that the model comes with.</source>
      <translation>モデルに付属の動作点に戻します。</translation>
    </message>
    <message>
      <source>Findings</source>
      <translation>所見</translation>
    </message>
    <message>
      <source>Previous finding</source>
      <translation>前の所見</translation>
    </message>
    <message>
      <source>Next finding</source>
      <translation>次の所見</translation>
    </message>
    <message>
      <source>Higher-scored slice</source>
      <translation>スコアの高いスライス</translation>
    </message>
    <message>
      <source>Lower-scored slice</source>
      <translation>スコアの低いスライス</translation>
    </message>
    <message>
      <source>Accept the selected finding and go on to the next one.</source>
      <translation>選んだ所見を採用し、次へ進みます。</translation>
    </message>
    <message>
      <source>Accept</source>
      <translation>採用</translation>
    </message>
    <message>
      <source>Reject the selected finding and go on to the next one; it stays visible, in gray.</source>
      <translation>選んだ所見を却下し、次へ進みます。灰色で表示され続けます。</translation>
    </message>
    <message>
      <source>Reject</source>
      <translation>却下</translation>
    </message>
    <message>
      <source>Leave the selected finding open, to be looked at again, and go on to the next one.</source>
      <translation>選んだ所見を保留にし、次へ進みます。</translation>
    </message>
    <message>
      <source>Unsure</source>
      <translation>保留</translation>
    </message>
    <message>
      <source>Take the last decision back.</source>
      <translation>最後の判断を取り消します。</translation>
    </message>
    <message>
      <source>Undo</source>
      <translation>元に戻す</translation>
    </message>
    <message>
      <source>Click a finding to go there; Ctrl and click selects several to merge.</source>
      <translation>クリックするとその所見へ移動します。Ctrl を押しながらクリックすると、結合する所見を複数選べます。</translation>
    </message>
    <message>
      <source>Why the finding is rejected.</source>
      <translation>却下の理由。</translation>
    </message>
    <message>
      <source>A note on this finding, kept in the scene. Enter takes it over.</source>
      <translation>この所見のメモ。シーンに保存されます。Enterで確定します。</translation>
    </message>
    <message>
      <source>Note</source>
      <translation>メモ</translation>
    </message>
    <message>
      <source>In units of the spread among normal scans. The line in a bar is the highest value in any of the normal images held out for calibration; rare: in fewer than 1 in 20 of them.</source>
      <translation>単位は正常画像間のばらつき。バー内の線は、較正用に取り分けた正常画像での最高値。「まれ」はそのうち20枚に1枚未満。</translation>
    </message>
    <message>
      <source>Why: this scan and what is normal here</source>
      <translation>理由：この画像と、ここでの正常像</translation>
    </message>
    <message>
      <source>List:</source>
      <translation>一覧:</translation>
    </message>
    <message>
      <source>Which findings are listed, by what was decided about them.</source>
      <translation>一覧に示す所見を判定で選びます。</translation>
    </message>
    <message>
      <source>from</source>
      <translation>最小</translation>
    </message>
    <message>
      <source>Smaller findings are not listed. They stay in the scene, and nothing is decided about them.</source>
      <translation>これより小さい所見は一覧に出ません。シーンには残り、判定はされません。</translation>
    </message>
    <message>
      <source> ml</source>
      <translation> ml</translation>
    </message>
    <message>
      <source>Sort by:</source>
      <translation>並べ替え:</translation>
    </message>
    <message>
      <source>The order of the list; a click on a column of the table does the same.</source>
      <translation>一覧の並び順。表の列見出しをクリックしても並べ替えられます。</translation>
    </message>
    <message>
      <source>Turn the order round.</source>
      <translation>並び順を逆にします。</translation>
    </message>
    <message>
      <source>descending</source>
      <translation>降順</translation>
    </message>
    <message>
      <source>The highest map value of each slice against the range of normal slices; a click on the plot jumps to the slice.</source>
      <translation>各スライスの最大マップ値を正常スライスの範囲と並べて表示します。グラフをクリックするとそのスライスへ移動します。</translation>
    </message>
    <message>
      <source>Show slice scores</source>
      <translation>スライスのスコアを表示</translation>
    </message>
    <message>
      <source>Make one finding of the selected ones (Ctrl and click selects several).</source>
      <translation>選択した所見を一つにまとめます(Ctrlを押しながらクリックで複数選択)。</translation>
    </message>
    <message>
      <source>Merge</source>
      <translation>結合</translation>
    </message>
    <message>
      <source>Operating point and overlay</source>
      <translation>動作点と重ね合わせ</translation>
    </message>
    <message>
      <source>Threshold:</source>
      <translation>しきい値:</translation>
    </message>
    <message>
      <source>Show in 3D</source>
      <translation>3Dで表示</translation>
    </message>
    <message>
      <source>Show the findings as surfaces in the 3D view, made one after the other. Off for long lists unless asked for; a film has none.</source>
      <translation>所見を3D表示に面として表示します。面は一つずつ作られます。所見が多い場合は指定したときだけ表示し、X線写真にはありません。</translation>
    </message>
    <message>
      <source>Show:</source>
      <translation>表示:</translation>
    </message>
    <message>
      <source>Visible</source>
      <translation>表示する</translation>
    </message>
    <message>
      <source>Draw the bands as outlines, so that the image under them is seen.</source>
      <translation>段階を輪郭だけで表示し、下の画像が見えるようにします。</translation>
    </message>
    <message>
      <source>Outlines</source>
      <translation>輪郭のみ</translation>
    </message>
    <message>
      <source>Opacity:</source>
      <translation>不透明度:</translation>
    </message>
    <message>
      <source>How much the marks cover the image.</source>
      <translation>マークが画像を覆う度合いです。</translation>
    </message>
    <message>
      <source>Legend</source>
      <translation>凡例</translation>
    </message>
    <message>
      <source>The colors and what they mean, in a corner of the views. In a close-up it may lie over the image.</source>
      <translation>色とその意味をビューの隅に表示します。拡大表示では画像に重なることがあります。</translation>
    </message>
    <message>
      <source>Whole map</source>
      <translation>マップ全体</translation>
    </message>
    <message>
      <source>Show the continuous map below the operating point too, down to what half of the normal images reach.</source>
      <translation>動作点より下も、正常画像の半数が達する値まで連続マップを表示します。</translation>
    </message>
    <message>
      <source>Compare</source>
      <translation>比較</translation>
    </message>
    <message>
      <source>Blink</source>
      <translation>点滅</translation>
    </message>
    <message>
      <source>Keys...</source>
      <translation>キー...</translation>
    </message>
    <message>
      <source>Slices</source>
      <translation>スライス</translation>
    </message>
    <message>
      <source>A slice counts as seen once you have moved to it in a view of the analysed plane.</source>
      <translation>解析した断面のビューでそのスライスに移動すると、既読になります。</translation>
    </message>
    <message>
      <source>Previous unseen mark</source>
      <translation>前の未読マーク</translation>
    </message>
    <message>
      <source>Next unseen mark</source>
      <translation>次の未読マーク</translation>
    </message>
    <message>
      <source>Volumes of the scene</source>
      <translation>シーンのボリューム</translation>
    </message>
    <message>
      <source>Click a volume, or press Enter on it, to read it.</source>
      <translation>クリックするか、Enterを押すと、そのボリュームを読影します。</translation>
    </message>
    <message>
      <source>Detect on all</source>
      <translation>すべて検出</translation>
    </message>
    <message>
      <source>Nothing found: mark as reviewed</source>
      <translation>所見なし: 確認済みにする</translation>
    </message>
    <message>
      <source>You have looked at this volume, and no finding of the detection is left to decide about.</source>
      <translation>このボリュームを確認し、判定すべき所見が残っていないことを記録します。</translation>
    </message>
    <message>
      <source>Export</source>
      <translation>書き出し</translation>
    </message>
    <message>
      <source>Which findings are exported, by what was decided about them.</source>
      <translation>書き出す所見を判定で選びます。</translation>
    </message>
    <message>
      <source>Segments of the findings, with terminology, for Slicer.</source>
      <translation>所見のセグメント（用語付き）。Slicer で開けます。</translation>
    </message>
    <message>
      <source>.seg.nrrd</source>
      <translation>.seg.nrrd</translation>
    </message>
    <message>
      <source>A label map on the grid of the volume; the value of a voxel is the rank of its finding.</source>
      <translation>ボリュームと同じ格子のラベルマップ。ボクセルの値は所見の順位です。</translation>
    </message>
    <message>
      <source>NIfTI label map</source>
      <translation>NIfTIラベルマップ</translation>
    </message>
    <message>
      <source>A closed surface of each finding, in mm.</source>
      <translation>所見ごとの閉じた表面（mm 単位）。</translation>
    </message>
    <message>
      <source>STL surfaces</source>
      <translation>STLサーフェス</translation>
    </message>
    <message>
      <source>The same surfaces in the OBJ format.</source>
      <translation>同じ表面を OBJ 形式で書き出します。</translation>
    </message>
    <message>
      <source>OBJ surfaces</source>
      <translation>OBJサーフェス</translation>
    </message>
    <message>
      <source>The findings as rows: place, size, score, decision, reason and note.</source>
      <translation>所見を行として書き出します: 位置、大きさ、スコア、判定、理由、メモ。</translation>
    </message>
    <message>
      <source>CSV of the findings</source>
      <translation>所見のCSV</translation>
    </message>
    <message>
      <source>One page with key images, operating point, decisions, model and versions.</source>
      <translation>キー画像、動作点、判定、モデル、バージョンを 1 ページにまとめます。</translation>
    </message>
    <message>
      <source>Report (HTML, PDF)</source>
      <translation>レポート (HTML, PDF)</translation>
    </message>
    <message>
      <source>Write the files of this volume into a folder.</source>
      <translation>このボリュームのファイルをフォルダに書き出します。</translation>
    </message>
    <message>
      <source>Export...</source>
      <translation>書き出し...</translation>
    </message>
    <message>
      <source>Write the files of every analysed volume of the scene, each into a folder of its own.</source>
      <translation>シーン内の解析済みの各ボリュームを、それぞれのフォルダに書き出します。</translation>
    </message>
    <message>
      <source>Export all volumes...</source>
      <translation>全ボリュームを書き出し...</translation>
    </message>
    <message>
      <source>Make one segmentation of the accepted findings and open it in the Segment Editor.</source>
      <translation>採用した所見を一つのセグメンテーションにしてSegment Editorで開きます。</translation>
    </message>
    <message>
      <source>Accepted to Segment Editor</source>
      <translation>採用分をSegment Editorへ</translation>
    </message>
    <message>
      <source>Write the log of detections and decisions as JSON lines.</source>
      <translation>検出と判定の記録をJSON Linesで書き出します。</translation>
    </message>
    <message>
      <source>Export log...</source>
      <translation>記録を書き出し...</translation>
    </message>
    <message>
      <source>Model and device</source>
      <translation>モデルと計算機</translation>
    </message>
    <message>
      <source>Device:</source>
      <translation>デバイス:</translation>
    </message>
    <message>
      <source>Where to compute. Auto takes the graphics card if there is one that works.</source>
      <translation>計算に使う装置。「自動」は使用可能なGPUがあればそれを使います。</translation>
    </message>
    <message>
      <source>Try graphics card or CPU in under two minutes: right numbers, memory, speed. Slicer stays usable.</source>
      <translation>グラフィックカードまたは CPU を 2 分以内に調べます: 計算の正しさ、メモリ、速度。その間も Slicer は使えます。</translation>
    </message>
    <message>
      <source>Check this computer</source>
      <translation>このコンピューターを調べる</translation>
    </message>
    <message>
      <source>Install an optional package after asking.</source>
      <translation>確認のうえで任意のパッケージをインストールします。</translation>
    </message>
    <message>
      <source>Faster with numba...</source>
      <translation>numba で高速化...</translation>
    </message>
    <message>
      <source>Details</source>
      <translation>詳細</translation>
    </message>
    <message>
      <source>What the analysis process reported.</source>
      <translation>解析プロセスからの報告です。</translation>
    </message>
    <message>
      <source>Copy the whole log.</source>
      <translation>ログ全体をコピーします。</translation>
    </message>
    <message>
      <source>Copy</source>
      <translation>コピー</translation>
    </message>
  </context>
  <context>
    <name>SPMambaPanel.casecontroller</name>
    <message>
      <source>This scene holds a result of another version of SP-Mamba ({versions}; this is {own}). Its images are there, but it cannot be reviewed here. Detect again, or open the scene with that version.</source>
      <translation>このシーンには別のバージョンのSP-Mambaの結果があります ({versions}、このモジュールは {own})。画像は残っていますが、ここでは確認できません。もう一度検出するか、そのバージョンでシーンを開いてください。</translation>
    </message>
  </context>
  <context>
    <name>detection.dependencies</name>
    <message>
      <source>the Slicer extension {name} (1 MB, needs a restart of Slicer)</source>
      <translation>Slicer拡張機能 {name} (1 MB、Slicerの再起動が必要)</translation>
    </message>
    <message>
      <source>To analyse images, SP-Mamba needs Python packages that Slicer does not have yet:

{packages}

They are downloaded from the internet and installed into this Slicer. Nothing of your images leaves this computer. Install them now?</source>
      <translation>画像を解析するには、このSlicerにまだないPythonパッケージが必要です。

{packages}

インターネットからダウンロードし、このSlicerにインストールします。画像がこのコンピューターの外に送られることはありません。今すぐインストールしますか。</translation>
    </message>
    <message>
      <source>SP-Mamba: install packages</source>
      <translation>SP-Mamba: パッケージのインストール</translation>
    </message>
    <message>
      <source>numba is not needed; with it, models that use the selective scan compute faster on this computer:

{gains}

It is downloaded from the internet ({size}) and installed into this Slicer; packages that are there stay as they are. Nothing of your images leaves this computer. Install it now?</source>
      <translation>numba は必須ではありません。あると、選択的スキャンを使うモデルの計算がこのコンピューターで速くなります:

{gains}

インターネットからダウンロードし ({size})、この Slicer にインストールします。すでにあるパッケージは変わりません。画像がこのコンピューターの外に出ることはありません。今すぐインストールしますか?</translation>
    </message>
    <message>
      <source>numba was not installed; everything works without it. Details say why.</source>
      <translation>numba はインストールされませんでした。なくてもすべて動作します。理由は詳細にあります。</translation>
    </message>
    <message>
      <source>The installation of {packages} did not succeed. Check the internet connection and the free disk space, then click Detect again.</source>
      <translation>{packages} をインストールできませんでした。インターネット接続とディスクの空き容量を確認し、もう一度「異常を検出」をクリックしてください。</translation>
    </message>
    <message>
      <source>The PyTorch extension was installed. Restart Slicer, then click Detect again to go on.</source>
      <translation>PyTorch拡張機能をインストールしました。続けるには、Slicerを再起動してから、もう一度「異常を検出」をクリックしてください。</translation>
    </message>
  </context>
  <context>
    <name>detection.run</name>
    <message>
      <source>The volume was deleted during the analysis; its result was dropped.</source>
      <translation>解析中にボリュームが削除されたため、結果を破棄しました。</translation>
    </message>
    <message>
      <source>Showing the result</source>
      <translation>結果を表示中</translation>
    </message>
    <message>
      <source>The result could not be shown; the scene is unchanged.</source>
      <translation>結果を表示できませんでした。シーンは変わっていません。</translation>
    </message>
    <message>
      <source>The volume could not be handed to the analysis process: the temporary folder is full or cannot be written.</source>
      <translation>ボリュームを解析プロセスに渡せませんでした。一時フォルダーの容量が不足しているか、書き込みできません。</translation>
    </message>
  </context>
  <context>
    <name>detection.workerclient</name>
    <message>
      <source>Starting the analysis process: {command}</source>
      <translation>解析プロセスを開始: {command}</translation>
    </message>
    <message>
      <source>The analysis process did not answer the cancel in time and was ended.</source>
      <translation>解析プロセスが中止の要求に時間内に応答しなかったため、終了させました。</translation>
    </message>
    <message>
      <source>The analysis process could not be started. Install the extension again or ask for support.</source>
      <translation>解析プロセスを開始できませんでした。拡張機能を再インストールするか、サポートに問い合わせてください。</translation>
    </message>
    <message>
      <source>exit code {code}</source>
      <translation>終了コード {code}</translation>
    </message>
    <message>
      <source>crash or killed, {reason}</source>
      <translation>異常終了または強制終了、{reason}</translation>
    </message>
    <message>
      <source>The analysis process has ended ({reason}).</source>
      <translation>解析プロセスが終了しました ({reason})。</translation>
    </message>
    <message>
      <source>The analysis process ended unexpectedly; the scene is unchanged. Click Detect again to restart it.</source>
      <translation>解析プロセスが予期せず終了しました。シーンは変わっていません。再起動するには、もう一度「異常を検出」をクリックしてください。</translation>
    </message>
  </context>
  <context>
    <name>export.__init__</name>
    <message>
      <source>The segments could not be written to {folder}.</source>
      <translation>セグメントを {folder} に書き出せませんでした。</translation>
    </message>
    <message>
      <source>There is no result to export.</source>
      <translation>書き出す結果がありません。</translation>
    </message>
    <message>
      <source>There is no segment to export at this operating point.</source>
      <translation>この動作点では書き出すセグメントがありません。</translation>
    </message>
    <message>
      <source>There is no segment to export: no finding with this decision at this operating point.</source>
      <translation>書き出すセグメントがありません。この動作点には、この判定の所見がありません。</translation>
    </message>
  </context>
  <context>
    <name>export.chosen</name>
    <message>
      <source>all but the rejected</source>
      <translation>却下以外すべて</translation>
    </message>
    <message>
      <source>accepted only</source>
      <translation>採用のみ</translation>
    </message>
    <message>
      <source>all, rejected too</source>
      <translation>却下も含めすべて</translation>
    </message>
    <message>
      <source>The scan is under a transform that is not linear; harden the transform of the scan first.</source>
      <translation>スキャンに線形でない変換がかかっています。先に変換を適用してください。</translation>
    </message>
  </context>
  <context>
    <name>export.report</name>
    <message>
      <source>There is no result to export.</source>
      <translation>書き出す結果がありません。</translation>
    </message>
    <message>
      <source>The report could not be written to {folder}.</source>
      <translation>レポートを {folder} に書き出せませんでした。</translation>
    </message>
    <message>
      <source>SP-Mamba report</source>
      <translation>SP-Mambaレポート</translation>
    </message>
    <message>
      <source>SP-Mamba: unusual places in {name}</source>
      <translation>SP-Mamba: {name} で通常と異なる部位</translation>
    </message>
    <message>
      <source>Research use only, not for diagnosis. A scan without marks is not a normal scan.</source>
      <translation>研究専用です。診断には使用できません。マークのない画像が正常な画像とは限りません。</translation>
    </message>
    <message>
      <source>Model</source>
      <translation>モデル</translation>
    </message>
    <message>
      <source>{name} (no longer in the scene)</source>
      <translation>{name}(シーンにはもうありません)</translation>
    </message>
    <message>
      <source>a volume</source>
      <translation>ボリューム</translation>
    </message>
    <message>
      <source>{count}: {accepted} accepted, {rejected} rejected, {unsure} unsure, {open} undecided</source>
      <translation>{count} 件: 採用 {accepted}、却下 {rejected}、保留 {unsure}、未判定 {open}</translation>
    </message>
    <message>
      <source>none; marked as reviewed</source>
      <translation>なし、確認済み</translation>
    </message>
    <message>
      <source>none; not marked as reviewed</source>
      <translation>なし、未確認</translation>
    </message>
    <message>
      <source>Volume</source>
      <translation>ボリューム</translation>
    </message>
    <message>
      <source>From</source>
      <translation>由来</translation>
    </message>
    <message>
      <source>Operating point</source>
      <translation>動作点</translation>
    </message>
    <message>
      <source>threshold {value}</source>
      <translation>しきい値 {value}</translation>
    </message>
    <message>
      <source>Whole scan</source>
      <translation>検査全体</translation>
    </message>
    <message>
      <source>Findings</source>
      <translation>所見</translation>
    </message>
    <message>
      <source>Written</source>
      <translation>作成日時</translation>
    </message>
    <message>
      <source>Software</source>
      <translation>ソフトウェア</translation>
    </message>
    <message>
      <source>Name</source>
      <translation>名前</translation>
    </message>
    <message>
      <source>For</source>
      <translation>対象</translation>
    </message>
    <message>
      <source>Not for</source>
      <translation>対象外</translation>
    </message>
    <message>
      <source>Made from</source>
      <translation>学習データ</translation>
    </message>
    <message>
      <source>Limits</source>
      <translation>限界</translation>
    </message>
    <message>
      <source>Finding {rank}, slice {slice}: {decision}</source>
      <translation>所見 {rank}、スライス {slice}: {decision}</translation>
    </message>
    <message>
      <source>Outlined: the finding (gray: rejected), thinner: others in the same slice; the strokes point at its highest value.</source>
      <translation>輪郭: その所見(灰色: 却下)、細い線: 同じスライスの他の所見。短い線は最大値の位置を指します。</translation>
    </message>
    <message>
      <source>Small pictures: this scan, and below it the normal scans closest to it at this place.</source>
      <translation>小さい画像：この画像と、その下はこの位置で最も近い正常画像。</translation>
    </message>
    <message>
      <source>Slice {slice}, the highest of the map</source>
      <translation>スライス {slice}、マップの最大値</translation>
    </message>
    <message>
      <source>{count} more, {accepted} of them accepted, are in the table of findings (CSV).</source>
      <translation>ほか {count} 件(うち採用 {accepted} 件)は所見の表(CSV)にあります。</translation>
    </message>
    <message>
      <source>{count} with other decisions are not listed.</source>
      <translation>判定の異なる {count} 件は載せていません。</translation>
    </message>
    <message>
      <source>No finding is listed.</source>
      <translation>載せる所見はありません。</translation>
    </message>
    <message>
      <source>Peak and mean are map values, in units of the spread of normals</source>
      <translation>最大値と平均はマップの値で、正常例のばらつきを単位とします</translation>
    </message>
  </context>
  <context>
    <name>reading.display</name>
    <message>
      <source>Severity</source>
      <translation>程度</translation>
    </message>
    <message>
      <source>Anomaly</source>
      <translation>異常度</translation>
    </message>
  </context>
  <context>
    <name>reading.findingscolumns</name>
    <message>
      <source>#</source>
      <translation>#</translation>
    </message>
    <message>
      <source>Decision</source>
      <translation>判定</translation>
    </message>
    <message>
      <source>Slice</source>
      <translation>スライス</translation>
    </message>
    <message>
      <source>Band</source>
      <translation>段階</translation>
    </message>
    <message>
      <source>Peak</source>
      <translation>最大値</translation>
    </message>
    <message>
      <source>Mean</source>
      <translation>平均</translation>
    </message>
    <message>
      <source>No finding at this operating point; the scan may be abnormal all the same.</source>
      <translation>この動作点では所見がありません。それでも画像に異常がないとは限りません。</translation>
    </message>
    <message>
      <source>1 finding.</source>
      <translation>所見 1 件。</translation>
    </message>
    <message>
      <source>{count} findings.</source>
      <translation>所見 {count} 件。</translation>
    </message>
    <message>
      <source>None is listed: the choices below leave all of them out.</source>
      <translation>下の条件ですべて除外されているため、一覧には表示されません。</translation>
    </message>
    <message>
      <source>{listed} listed.</source>
      <translation>一覧 {listed} 件。</translation>
    </message>
    <message>
      <source>{decided} decided.</source>
      <translation>判定済み {decided} 件。</translation>
    </message>
  </context>
  <context>
    <name>reading.operatingpoint</name>
    <message>
      <source>{share} normal slices would show a finding or be unusual as a whole</source>
      <translation>正常スライスの {share} に所見が出るか、全体として通常と異なると判定されます</translation>
    </message>
    <message>
      <source>{share} normal images would show a finding or be unusual as a whole</source>
      <translation>正常画像の {share} に所見が出るか、全体として通常と異なると判定されます</translation>
    </message>
    <message>
      <source>{share} normal slices would show a finding</source>
      <translation>正常スライスの {share} に所見が出ます</translation>
    </message>
    <message>
      <source>{share} normal images would show a finding</source>
      <translation>正常画像の {share} に所見が出ます</translation>
    </message>
    <message>
      <source>Measured on {count} normal scans; of new ones, {interval} (95 %)</source>
      <translation>正常画像 {count} 件で測定；新しい画像では {interval}（95 %）</translation>
    </message>
    <message>
      <source>from {edge}, higher than any normal held out for calibration</source>
      <translation>{edge} 以上、校正用に取り置いた正常画像のどれよりも高い値</translation>
    </message>
    <message>
      <source>from {edge}, reached by {share} normal slices</source>
      <translation>{edge} 以上、正常スライスの {share} が達する値</translation>
    </message>
    <message>
      <source>from {edge}, reached by {share} normal images</source>
      <translation>{edge} 以上、正常画像の {share} が達する値</translation>
    </message>
    <message>
      <source>{percent} % of</source>
      <translation>{percent} %</translation>
    </message>
    <message>
      <source>1 in {n}</source>
      <translation>{n} 枚に 1 枚</translation>
    </message>
  </context>
  <context>
    <name>reading.scanverdict</name>
    <message>
      <source>unusual: {rank}</source>
      <translation>通常と異なる：{rank}</translation>
    </message>
    <message>
      <source>not unusual: {rank}</source>
      <translation>通常の範囲：{rank}</translation>
    </message>
    <message>
      <source>above all {count} normal slices</source>
      <translation>正常スライス {count} 枚すべてを超える</translation>
    </message>
    <message>
      <source>above all {count} normal images</source>
      <translation>正常画像 {count} 枚すべてを超える</translation>
    </message>
    <message>
      <source>above all {count} normal volumes</source>
      <translation>正常ボリューム {count} 件すべてを超える</translation>
    </message>
    <message>
      <source>{share} normal slices would score this high</source>
      <translation>正常スライスの {share} がこのスコアに達します</translation>
    </message>
    <message>
      <source>{share} normal images would score this high</source>
      <translation>正常画像の {share} がこのスコアに達します</translation>
    </message>
    <message>
      <source>{share} normal volumes would score this high</source>
      <translation>正常ボリュームの {share} がこのスコアに達します</translation>
    </message>
    <message>
      <source>half or more of</source>
      <translation>半分以上</translation>
    </message>
    <message>
      <source>above all</source>
      <translation>すべてを超える</translation>
    </message>
    <message>
      <source>usual</source>
      <translation>通常</translation>
    </message>
    <message>
      <source>1 in {n}</source>
      <translation>{n} 枚に 1 枚</translation>
    </message>
    <message>
      <source>Whole scan: this model has no verdict on it.</source>
      <translation>検査全体：このモデルでは判定できません。</translation>
    </message>
    <message>
      <source>Whole scan unusual</source>
      <translation>検査全体：通常と異なる</translation>
    </message>
    <message>
      <source>Whole scan not unusual</source>
      <translation>検査全体：通常の範囲</translation>
    </message>
  </context>
  <context>
    <name>reading.scorebars</name>
    <message>
      <source>Residual</source>
      <translation>残差</translation>
    </message>
    <message>
      <source>could not be reproduced from normal anatomy</source>
      <translation>正常解剖から再現できませんでした</translation>
    </message>
    <message>
      <source>Prototype</source>
      <translation>プロトタイプ</translation>
    </message>
    <message>
      <source>looks like no normal example of this place</source>
      <translation>この位置の正常例のどれにも似ていません</translation>
    </message>
    <message>
      <source>Mirror</source>
      <translation>左右差</translation>
    </message>
    <message>
      <source>differs from the same place on the other side</source>
      <translation>反対側の同じ位置と異なります</translation>
    </message>
    <message>
      <source>Intensity</source>
      <translation>信号強度</translation>
    </message>
    <message>
      <source>is brighter than tissue is here in normal images</source>
      <translation>正常画像のこの位置の組織より明るいです</translation>
    </message>
    <message>
      <source>Contrast</source>
      <translation>コントラスト</translation>
    </message>
    <message>
      <source>how far the peak stands out of the finding's mean</source>
      <translation>最大値が所見の平均からどれだけ突出しているか</translation>
    </message>
    <message>
      <source>This result was made by an older version, which keeps the model's terms at the operating point of the detection only.</source>
      <translation>この結果は旧版で作成されたため、モデルの各項は検出時の動作点でのみ分かります。</translation>
    </message>
    <message>
      <source>above all normals ({highest})</source>
      <translation>すべての正常例を超える（{highest}）</translation>
    </message>
    <message>
      <source>rare in normals (up to {highest})</source>
      <translation>正常例ではまれ（正常は{highest}まで）</translation>
    </message>
    <message>
      <source>as in normals (up to {highest})</source>
      <translation>正常例と同程度（正常は{highest}まで）</translation>
    </message>
  </context>
  <context>
    <name>reading.whereabouts</name>
    <message>
      <source>Place (px)</source>
      <translation>位置（px）</translation>
    </message>
    <message>
      <source>Size (mm)</source>
      <translation>大きさ（mm）</translation>
    </message>
    <message>
      <source>Size (px)</source>
      <translation>大きさ（px）</translation>
    </message>
    <message>
      <source>px</source>
      <translation>px</translation>
    </message>
    <message>
      <source>right half of the image</source>
      <translation>画像の右半分</translation>
    </message>
    <message>
      <source>left half of the image</source>
      <translation>画像の左半分</translation>
    </message>
    <message>
      <source>right half of the scan</source>
      <translation>スキャンの右半分</translation>
    </message>
    <message>
      <source>left half of the scan</source>
      <translation>スキャンの左半分</translation>
    </message>
    <message>
      <source>Place (RAS mm)</source>
      <translation>位置（RAS mm）</translation>
    </message>
    <message>
      <source>ml</source>
      <translation>ml</translation>
    </message>
  </context>
  <context>
    <name>reading.why</name>
    <message>
      <source>This result was made by an older version and keeps no evidence; detect again to see it.</source>
      <translation>この結果は旧版で作成され、根拠データがありません。表示するには再度検出してください。</translation>
    </message>
    <message>
      <source>No evidence was kept for this place.</source>
      <translation>この位置の根拠データは保存されていません。</translation>
    </message>
    <message>
      <source>Same place, same grey scale; the strokes point at the highest map value.</source>
      <translation>同じ位置、同じ階調。線はマップの最高値の位置を示します。</translation>
    </message>
    <message>
      <source>This model holds no pictures of what is normal.</source>
      <translation>このモデルには正常像の画像がありません。</translation>
    </message>
    <message>
      <source>Too few normal patients are known at this place for a picture of them.</source>
      <translation>この位置の正常例が少なすぎるため、画像はありません。</translation>
    </message>
    <message>
      <source>This scan</source>
      <translation>この画像</translation>
    </message>
    <message>
      <source>Closest normal here: mean of {count} patients</source>
      <translation>ここで最も近い正常像：{count}人の平均</translation>
    </message>
  </context>
  <context>
    <name>scene.auditlog</name>
    <message>
      <source>Nothing was detected or decided in this scene yet.</source>
      <translation>このシーンではまだ検出も判定も行われていません。</translation>
    </message>
    <message>
      <source>The log could not be written to {path}.</source>
      <translation>記録を {path} に書き出せませんでした。</translation>
    </message>
  </context>
  <context>
    <name>scene.colors</name>
    <message>
      <source>not marked</source>
      <translation>マークなし</translation>
    </message>
  </context>
  <context>
    <name>scene.evidencenode</name>
    <message>
      <source>The evidence of this result is damaged; detect again to see it.</source>
      <translation>この結果の根拠データは破損しています。表示するには再度検出してください。</translation>
    </message>
  </context>
  <context>
    <name>scene.origin</name>
    <message>
      <source>no. {number}</source>
      <translation>{number} 番</translation>
    </message>
    <message>
      <source>series {number}</source>
      <translation>シリーズ {number}</translation>
    </message>
  </context>
  <context>
    <name>scene.overlay</name>
    <message>
      <source>The analysis process is of another version than this module; install the extension again.</source>
      <translation>解析プロセスとこのモジュールのバージョンが異なります。拡張機能を再インストールしてください。</translation>
    </message>
    <message>
      <source>The volume was changed during the analysis; its result was dropped.</source>
      <translation>解析中にボリュームが変更されたため、結果を破棄しました。</translation>
    </message>
  </context>
  <context>
    <name>scene.sample</name>
    <message>
      <source>The sample is missing. Install the SPMamba extension again.</source>
      <translation>サンプルがありません。SPMamba拡張機能を再インストールしてください。</translation>
    </message>
    <message>
      <source>The sample cannot be read. Install the SPMamba extension again.</source>
      <translation>サンプルを読み込めません。SPMamba拡張機能を再インストールしてください。</translation>
    </message>
  </context>
  <context>
    <name>scene.sliceplot</name>
    <message>
      <source>19 of 20 normal slices</source>
      <translation>正常スライス 20 枚中 19 枚</translation>
    </message>
    <message>
      <source>operating point</source>
      <translation>動作点</translation>
    </message>
    <message>
      <source>highest map value</source>
      <translation>マップの最大値</translation>
    </message>
    <message>
      <source>not seen yet</source>
      <translation>未読</translation>
    </message>
    <message>
      <source>current slice</source>
      <translation>現在のスライス</translation>
    </message>
    <message>
      <source>Slices of {name}</source>
      <translation>{name} のスライス</translation>
    </message>
    <message>
      <source>Slice</source>
      <translation>スライス</translation>
    </message>
    <message>
      <source>Highest map value (normal spread)</source>
      <translation>マップの最大値 (正常のばらつき)</translation>
    </message>
  </context>
  <context>
    <name>scene.tables</name>
    <message>
      <source>Anomaly {rank}</source>
      <translation>異常 {rank}</translation>
    </message>
  </context>
  <context>
    <name>scene.texts</name>
    <message>
      <source>accepted</source>
      <translation>採用</translation>
    </message>
    <message>
      <source>rejected</source>
      <translation>却下</translation>
    </message>
    <message>
      <source>unsure</source>
      <translation>保留</translation>
    </message>
    <message>
      <source>undecided</source>
      <translation>未判定</translation>
    </message>
    <message>
      <source>artefact</source>
      <translation>アーチファクト</translation>
    </message>
    <message>
      <source>normal variant</source>
      <translation>正常変異</translation>
    </message>
    <message>
      <source>post-operative</source>
      <translation>術後変化</translation>
    </message>
    <message>
      <source>positioning</source>
      <translation>体位</translation>
    </message>
    <message>
      <source>other</source>
      <translation>その他</translation>
    </message>
    <message>
      <source>unusual</source>
      <translation>異例</translation>
    </message>
    <message>
      <source>very unusual</source>
      <translation>かなり異例</translation>
    </message>
    <message>
      <source>extreme</source>
      <translation>極端</translation>
    </message>
  </context>
  <context>
    <name>scene.volumeinfo</name>
    <message>
      <source>The volume has no voxels.</source>
      <translation>ボリュームにボクセルがありません。</translation>
    </message>
    <message>
      <source>This is a label map; choose the image itself.</source>
      <translation>これはラベルマップです。元の画像を選択してください。</translation>
    </message>
    <message>
      <source>This is a color or vector image; convert it to a grayscale volume first (module Vector to Scalar Volume).</source>
      <translation>これはカラー画像またはベクトル画像です。先にグレースケールのボリュームに変換してください (モジュール Vector to Scalar Volume)。</translation>
    </message>
  </context>
  <context>
    <name>sections.caseguard</name>
    <message>
      <source>The views show {seen}, this panel reads {read}. Select one volume to go on.</source>
      <translation>ビューは{seen}を表示し、パネルは{read}を読んでいます。続けるにはボリュームを一つ選んでください。</translation>
    </message>
    <message>
      <source>The voxels of {name} were changed after the detection: its findings belong to the former ones. Detect again.</source>
      <translation>{name}のボクセルは検出後に変更されました。所見は以前のものです。もう一度検出してください。</translation>
    </message>
  </context>
  <context>
    <name>sections.computer</name>
    <message>
      <source>Checking...</source>
      <translation>調べています...</translation>
    </message>
    <message>
      <source>Checking: {percent} %, {text}</source>
      <translation>調べています: {percent} %、{text}</translation>
    </message>
    <message>
      <source>The check failed: {reason}</source>
      <translation>調べられませんでした: {reason}</translation>
    </message>
    <message>
      <source>The check was stopped.</source>
      <translation>中止しました。</translation>
    </message>
    <message>
      <source>Stop the check</source>
      <translation>中止</translation>
    </message>
    <message>
      <source>Check this computer</source>
      <translation>このコンピューターを調べる</translation>
    </message>
    <message>
      <source>The graphics card cannot be used as it is; Auto now means the CPU.</source>
      <translation>グラフィックカードはこのままでは使えません。「自動」は CPU を意味するようになりました。</translation>
    </message>
    <message>
      <source>This computer cannot detect as it is.</source>
      <translation>このコンピューターはこのままでは検出できません。</translation>
    </message>
    <message>
      <source>This computer computes rightly, but:</source>
      <translation>このコンピューターは正しく計算しますが、次の点があります:</translation>
    </message>
    <message>
      <source>This computer computes rightly.</source>
      <translation>このコンピューターは正しく計算します。</translation>
    </message>
    <message>
      <source>{card}, driver {driver}, PyTorch {torch}</source>
      <translation>{card}、ドライバー {driver}、PyTorch {torch}</translation>
    </message>
    <message>
      <source>Used from now on: {device}, scan by {backend}, {count} slices at once.</source>
      <translation>以後の設定: {device}、スキャンは {backend}、一度に {count} スライス。</translation>
    </message>
    <message>
      <source>Used from now on: {device}, scan by {backend}.</source>
      <translation>以後の設定: {device}、スキャンは {backend}。</translation>
    </message>
    <message>
      <source>The whole report is in Details. It does not say whose computer this is.</source>
      <translation>報告の全文は詳細にあります。誰のコンピューターかは書かれていません。</translation>
    </message>
  </context>
  <context>
    <name>sections.detect</name>
    <message>
      <source>Every volume of the scene has been analysed.</source>
      <translation>シーンのすべてのボリュームを解析済みです。</translation>
    </message>
    <message>
      <source>The scene has no volume that can be analysed.</source>
      <translation>シーンに解析できるボリュームがありません。</translation>
    </message>
    <message>
      <source>The analysis could not be started or shown; the log has the details.</source>
      <translation>解析を開始または表示できませんでした。詳細はログにあります。</translation>
    </message>
    <message>
      <source>{number} of {total}, {name}: {text}</source>
      <translation>{number}/{total} {name}: {text}</translation>
    </message>
    <message>
      <source>Done: {count} of {total} volumes.</source>
      <translation>完了: {total} 件中 {count} 件のボリューム。</translation>
    </message>
    <message>
      <source>Those that failed say why in the list of volumes.</source>
      <translation>失敗した理由は一覧に示されています。</translation>
    </message>
    <message>
      <source>Not run: {count}; the button below the list of volumes goes on with them.</source>
      <translation>未実行: {count} 件。ボリューム一覧の下のボタンで続けられます。</translation>
    </message>
    <message>
      <source>Cancelled.</source>
      <translation>中止しました。</translation>
    </message>
    <message>
      <source>Cancelled. The scene is unchanged.</source>
      <translation>中止しました。シーンは変わっていません。</translation>
    </message>
  </context>
  <context>
    <name>sections.export</name>
    <message>
      <source>Export to</source>
      <translation>書き出し先</translation>
    </message>
    <message>
      <source>1 file written to {folder}.</source>
      <translation>1 個のファイルを {folder} に書き出しました。</translation>
    </message>
    <message>
      <source>{count} files written to {folder}.</source>
      <translation>{count} 個のファイルを {folder} に書き出しました。</translation>
    </message>
    <message>
      <source>No volume of this scene was analysed yet.</source>
      <translation>このシーンには解析済みのボリュームがまだありません。</translation>
    </message>
    <message>
      <source>{count} files of {volumes} volumes written to {folder}.</source>
      <translation>{volumes} 件のボリュームの {count} 個のファイルを {folder} に書き出しました。</translation>
    </message>
    <message>
      <source>The log was written to {path}.</source>
      <translation>記録を {path} に書き出しました。</translation>
    </message>
    <message>
      <source>No finding is accepted yet. Accept findings first, then edit them.</source>
      <translation>採用した所見がまだありません。所見を採用してから編集してください。</translation>
    </message>
    <message>
      <source>{name} accepted</source>
      <translation>{name} 採用</translation>
    </message>
    <message>
      <source>The accepted findings are in the segmentation {name}.</source>
      <translation>採用した所見はセグメンテーション {name} にあります。</translation>
    </message>
  </context>
  <context>
    <name>sections.findings</name>
    <message>
      <source>no reason given</source>
      <translation>理由なし</translation>
    </message>
    <message>
      <source>Select a finding to see what its score is made of.</source>
      <translation>所見を選ぶとスコアの内訳を表示します。</translation>
    </message>
    <message>
      <source>&lt;b&gt;Finding {rank}&lt;/b&gt;, {place}, {side}</source>
      <translation>&lt;b&gt;所見 {rank}&lt;/b&gt;、{place}、{side}</translation>
    </message>
  </context>
  <context>
    <name>sections.findingstable</name>
    <message>
      <source>rank</source>
      <translation>順位</translation>
    </message>
    <message>
      <source>all findings</source>
      <translation>すべての所見</translation>
    </message>
    <message>
      <source>No result yet. What Detect anomalies finds is listed here.</source>
      <translation>まだ結果がありません。「異常を検出」で見つかった所見をここに表示します。</translation>
    </message>
  </context>
  <context>
    <name>sections.panel</name>
    <message>
      <source>Select the volume to analyse first.</source>
      <translation>まず解析するボリュームを選択してください。</translation>
    </message>
    <message>
      <source>No model is installed. Install the SPMamba extension again, or put a model into the models folder.</source>
      <translation>モデルがインストールされていません。SPMamba拡張機能を再インストールするか、モデルフォルダーにモデルを置いてください。</translation>
    </message>
    <message>
      <source>Compare the volume with normal images and mark what is unusual.</source>
      <translation>ボリュームを正常画像と比較し、通常と異なる部分をマークします。</translation>
    </message>
    <message>
      <source>Packages are being installed.</source>
      <translation>パッケージをインストールしています。</translation>
    </message>
    <message>
      <source>Stop the analysis; the scene stays as it is.</source>
      <translation>解析を中止します。シーンは変わりません。</translation>
    </message>
    <message>
      <source>The analysis is being stopped.</source>
      <translation>解析を中止しています。</translation>
    </message>
    <message>
      <source>Analyse the volume again. The result shown is replaced after success.</source>
      <translation>ボリュームをもう一度解析します。成功すると、表示中の結果は置き換えられます。</translation>
    </message>
    <message>
      <source>Analyse this scan all the same; the result says that its marks cannot be trusted.</source>
      <translation>この画像でもあえて解析します。マークを信頼できないことが結果に示されます。</translation>
    </message>
    <message>
      <source>Try again.</source>
      <translation>もう一度お試しください。</translation>
    </message>
    <message>
      <source>Done.</source>
      <translation>完了。</translation>
    </message>
    <message>
      <source>Done: no finding, but the scan as a whole is unusual.</source>
      <translation>完了：所見なし。ただし検査全体が通常と異なります。</translation>
    </message>
    <message>
      <source>Done: no finding.</source>
      <translation>完了：所見なし。</translation>
    </message>
    <message>
      <source>Done: 1 finding.</source>
      <translation>完了：所見1件。</translation>
    </message>
    <message>
      <source>Done: {count} findings.</source>
      <translation>完了：所見{count}件。</translation>
    </message>
    <message>
      <source>Load an image and select it above, or load the sample.</source>
      <translation>画像を読み込んで上で選択するか、サンプルを読み込んでください。</translation>
    </message>
    <message>
      <source>No model is installed.</source>
      <translation>モデルがインストールされていません。</translation>
    </message>
    <message>
      <source>Ready.</source>
      <translation>準備完了。</translation>
    </message>
    <message>
      <source>Installing packages...</source>
      <translation>パッケージをインストール中...</translation>
    </message>
    <message>
      <source>Starting...</source>
      <translation>開始中...</translation>
    </message>
    <message>
      <source>Analysing...</source>
      <translation>解析中...</translation>
    </message>
    <message>
      <source>Cancelling...</source>
      <translation>中止中...</translation>
    </message>
    <message>
      <source>The analysis failed.</source>
      <translation>解析に失敗しました。</translation>
    </message>
    <message>
      <source>How rarely a normal image may show a finding. To the right: more findings, more false alarms.</source>
      <translation>正常画像に所見が出る頻度をどこまで許すか。右へ動かすほど所見も誤警報も増えます。</translation>
    </message>
    <message>
      <source>Severity bands</source>
      <translation>段階表示</translation>
    </message>
    <message>
      <source>Anomaly map</source>
      <translation>異常マップ</translation>
    </message>
    <message>
      <source>Both</source>
      <translation>両方</translation>
    </message>
    <message>
      <source>{action} ({key})</source>
      <translation>{action} ({key})</translation>
    </message>
    <message>
      <source>Cancel</source>
      <translation>中止</translation>
    </message>
    <message>
      <source>Installing...</source>
      <translation>インストール中...</translation>
    </message>
    <message>
      <source>Detect anyway</source>
      <translation>それでも検出</translation>
    </message>
    <message>
      <source>Detect anomalies</source>
      <translation>異常を検出</translation>
    </message>
    <message>
      <source>Analyse every volume of the scene that has no result yet, one after the other; Cancel above stops all of them.</source>
      <translation>シーンの中で結果がまだないボリュームを順に解析します。上の「中止」ですべて停止します。</translation>
    </message>
    <message>
      <source>{text}, about {time} left</source>
      <translation>{text}、残り約 {time}</translation>
    </message>
    <message>
      <source>Not for: {purposes}</source>
      <translation>対象外: {purposes}</translation>
    </message>
    <message>
      <source>Auto</source>
      <translation>自動</translation>
    </message>
    <message>
      <source>CPU</source>
      <translation>CPU</translation>
    </message>
    <message>
      <source>{value} (normal spread)</source>
      <translation>{value} (正常のばらつき)</translation>
    </message>
    <message>
      <source>Score of the whole scan among normal ones. The bar goes from what half of them reach to what none does; the line is the operating point. It says nothing of where, and a scan that is not unusual may be abnormal all the same.</source>
      <translation>正常例の中での検査全体のスコアです。バーは半数が達する値から、どの正常例も達しない値までを示し、線は動作点です。場所は示しません。通常の範囲でも、異常がないとは限りません。</translation>
    </message>
    <message>
      <source>Slice {slice}: score {score}, {place} of {count}</source>
      <translation>スライス {slice}: スコア {score}、{count} 枚中 {place} 位</translation>
    </message>
    <message>
      <source>{n} s</source>
      <translation>{n} 秒</translation>
    </message>
    <message>
      <source>{n} min</source>
      <translation>{n} 分</translation>
    </message>
  </context>
  <context>
    <name>sections.shortcuts</name>
    <message>
      <source>next finding</source>
      <translation>次の所見</translation>
    </message>
    <message>
      <source>previous finding</source>
      <translation>前の所見</translation>
    </message>
    <message>
      <source>next slice by score</source>
      <translation>スコア順で次のスライス</translation>
    </message>
    <message>
      <source>previous slice by score</source>
      <translation>スコア順で前のスライス</translation>
    </message>
    <message>
      <source>next slice with a mark not seen yet</source>
      <translation>次の未読のマーク付きスライス</translation>
    </message>
    <message>
      <source>previous slice with a mark not seen yet</source>
      <translation>前の未読のマーク付きスライス</translation>
    </message>
    <message>
      <source>accept the finding</source>
      <translation>所見を採用</translation>
    </message>
    <message>
      <source>reject the finding</source>
      <translation>所見を却下</translation>
    </message>
    <message>
      <source>unsure about the finding</source>
      <translation>所見を保留</translation>
    </message>
    <message>
      <source>take the last decision back</source>
      <translation>最後の判断を取り消す</translation>
    </message>
    <message>
      <source>why the finding was marked</source>
      <translation>所見が示された理由</translation>
    </message>
    <message>
      <source>show or hide the overlay</source>
      <translation>重ね合わせの表示切替</translation>
    </message>
    <message>
      <source>severity bands or continuous map</source>
      <translation>段階表示または連続マップ</translation>
    </message>
    <message>
      <source>blink</source>
      <translation>点滅</translation>
    </message>
    <message>
      <source>compare side by side</source>
      <translation>並べて比較</translation>
    </message>
    <message>
      <source>show these keys</source>
      <translation>このキー一覧を表示</translation>
    </message>
  </context>
  <context>
    <name>sections.views</name>
    <message>
      <source>All slices with a mark were seen.</source>
      <translation>マークのあるスライスはすべて既読です。</translation>
    </message>
    <message>
      <source>1 slice with a mark was not seen yet.</source>
      <translation>マークのある 1 枚のスライスが未読です。</translation>
    </message>
    <message>
      <source>{count} slices with a mark were not seen yet.</source>
      <translation>マークのある {count} 枚のスライスが未読です。</translation>
    </message>
    <message>
      <source>Seen {seen} of {count} slices. {marked}</source>
      <translation>{count} 枚中 {seen} 枚のスライスを確認。{marked}</translation>
    </message>
  </context>
  <context>
    <name>sections.worklist</name>
    <message>
      <source>reviewed, nothing found</source>
      <translation>確認済み、所見なし</translation>
    </message>
    <message>
      <source>nothing found</source>
      <translation>所見なし</translation>
    </message>
    <message>
      <source>reviewed, {count} findings</source>
      <translation>確認済み、所見 {count} 件</translation>
    </message>
    <message>
      <source>reviewed, 1 finding</source>
      <translation>確認済み、所見 1 件</translation>
    </message>
    <message>
      <source>found {count}</source>
      <translation>{count} 件検出</translation>
    </message>
    <message>
      <source>, {decided} decided</source>
      <translation>、判定済み {decided} 件</translation>
    </message>
    <message>
      <source>Volume</source>
      <translation>ボリューム</translation>
    </message>
    <message>
      <source>State</source>
      <translation>状態</translation>
    </message>
    <message>
      <source>From</source>
      <translation>由来</translation>
    </message>
    <message>
      <source>Whole scan</source>
      <translation>検査全体</translation>
    </message>
    <message>
      <source>running</source>
      <translation>実行中</translation>
    </message>
    <message>
      <source>waiting</source>
      <translation>待機中</translation>
    </message>
    <message>
      <source>not run</source>
      <translation>未実行</translation>
    </message>
    <message>
      <source>refused: {reason}</source>
      <translation>拒否: {reason}</translation>
    </message>
    <message>
      <source>failed: {reason}</source>
      <translation>失敗: {reason}</translation>
    </message>
    <message>
      <source>Try the failed ones again ({count})</source>
      <translation>失敗した {count} 件を再試行</translation>
    </message>
    <message>
      <source>Detect on all not run yet ({count})</source>
      <translation>未実行の {count} 件で検出</translation>
    </message>
    <message>
      <source>Detect on all</source>
      <translation>すべて検出</translation>
    </message>
    <message>
      <source>Volumes of the scene</source>
      <translation>シーンのボリューム</translation>
    </message>
    <message>
      <source>Volumes of the scene ({count})</source>
      <translation>シーンのボリューム ({count})</translation>
    </message>
  </context>
</TS>
